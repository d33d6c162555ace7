"""How the center learns it: outbox and MQTT. Asks no camera, decides nothing."""
