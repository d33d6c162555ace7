"""The center's pages: rendered by the server, without scripts. Only this folder knows Starlette.

Every figure comes of the functions that the commands use; nothing is worked out from facts within a request but one
camera's own time, and how far one spot check agrees.
"""
