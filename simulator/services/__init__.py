"""The six ONVIF services of a simulated camera: for each operation, what stands inside its reply."""
