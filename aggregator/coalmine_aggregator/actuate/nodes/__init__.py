"""The nodes themselves: their own agents answer load balancers by what is said here over MQTT."""
