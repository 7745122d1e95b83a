"""A key that changes while the program runs, and that nothing shows."""

from trioaudio import Secret

vault = {"acme": "swordfish-4711"}

key = Secret(lambda: vault["acme"])
print(f"connecting with {key}")
vault["acme"] = "changed-meanwhile"
assert key.reveal() == "changed-meanwhile"
