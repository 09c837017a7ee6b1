"""The callback's envelope: signature and encryption (documents 90930 and 90968).

AES-256-CBC with the first 16 bytes of the key as vector and PKCS#7 padding to 32 bytes. In it lie
16 random bytes, the length of the message, the message, and the id of who it is for.
"""

import base64
import binascii
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from siyu.errors import ConfigurationError

KEY_CHARACTERS = 43
BLOCK_BYTES = 32
RANDOM_BYTES, LENGTH_BYTES = 16, 4


class RefusedError(Exception):
    """A request that is not from WeCom, not for us, or damaged; the text names the reason only."""


class Envelope:
    """Opens what one corp's callback is sent."""

    def __init__(self, *, token: str, aes_key: str, corpid: str, where: str = "") -> None:
        """Take the three settings of the callback.

        Raises:
            ConfigurationError: the EncodingAESKey is none.
        """
        try:
            # 43 characters are 32 bytes; the padding sign is left out by convention
            key = base64.b64decode(f"{aes_key}=", validate=True)
        except binascii.Error:
            key = b""
        if len(aes_key) != KEY_CHARACTERS or len(key) != BLOCK_BYTES:
            raise ConfigurationError(
                "The callback_aes_key is not an EncodingAESKey of 43 letters and digits",
                where=where,
                action="copy it again from the app's page 接收消息 in the WeCom admin console",
            )
        self._token, self._key, self._corpid = token, key, corpid.encode()

    def open(self, signature: str, timestamp: str, nonce: str, encrypted: str) -> bytes:
        """The message inside, after checking that it is signed and for this corp.

        Raises:
            RefusedError: it is not.
        """
        if not hmac.compare_digest(
            self.signature(timestamp, nonce, encrypted).encode(), signature.encode()
        ):
            raise RefusedError("the signature is wrong")
        return self._decrypt(encrypted)

    def signature(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """What WeCom signs a request with."""
        parts = sorted((self._token, timestamp, nonce, encrypted))
        # the vendor's algorithm; the token makes it keyed
        return hashlib.sha1("".join(parts).encode()).hexdigest()  # noqa: S324

    def _decrypt(self, encrypted: str) -> bytes:
        try:
            sealed = base64.b64decode(encrypted, validate=True)
        except (binascii.Error, ValueError):
            raise RefusedError("the message is not base64") from None
        if not sealed or len(sealed) % BLOCK_BYTES:
            raise RefusedError("the message has no whole blocks")
        cipher = Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16])).decryptor()
        padded = cipher.update(sealed) + cipher.finalize()
        padding = padded[-1]
        if not 1 <= padding <= BLOCK_BYTES or padded[-padding:] != bytes([padding]) * padding:
            raise RefusedError("the message cannot be decrypted with this key")
        content = padded[RANDOM_BYTES:-padding]
        size = int.from_bytes(content[:LENGTH_BYTES], "big")
        message, receiver = (
            content[LENGTH_BYTES : LENGTH_BYTES + size],
            content[LENGTH_BYTES + size :],
        )
        if len(content) < LENGTH_BYTES + size:
            raise RefusedError("the message is shorter than it says")
        if not hmac.compare_digest(receiver, self._corpid):
            raise RefusedError("the message is for another corp")
        return message
