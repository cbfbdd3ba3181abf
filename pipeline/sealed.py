"""What is called how in a folder with a manifest and its signature."""

FORMAT = 1
MANIFEST, SIGNATURE, PUBLIC = "manifest.json", "manifest.sig", "public_key.pem"
