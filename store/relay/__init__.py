"""The relay: runs and events over HTTP and WebSocket.

`change_feed` reads new events for all clients and `follower` sends them to one. The modules `run_*` are treetop's own API;
the modules `reference_*` implement the API of the reference servers.
"""
