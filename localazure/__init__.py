"""The local Azure: stand-ins that speak Azure's own wire protocols on loopback.

They are what lets one machine and the cloud run the same code.

A development tool: the app never imports it. What a stand-in does not do it answers with 501.
"""
