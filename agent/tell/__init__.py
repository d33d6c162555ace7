"""How the center learns it: journal and MQTT. Asks no camera, decides nothing."""
