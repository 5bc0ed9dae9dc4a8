# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the waits of the MQTT tests follow from."""
import os
import re

# Seconds after which our tools try to connect again at the latest, whatever came to nothing before.
with open(os.path.join(os.path.dirname(__file__), "../../examples-c/mqtt_tool.h")) as source:
    CEILING = int(re.search(r"reconnect_ceiling = (\d+);", source.read())[1]) / 1000
