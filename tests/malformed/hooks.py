"""What schemathesis does not know by itself of this interface."""

import schemathesis

# Bytes of uploads are bytes.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
