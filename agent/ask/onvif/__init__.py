"""ONVIF: SOAP built, posted and read; the capability questions, asked in a child."""
