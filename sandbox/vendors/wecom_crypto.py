"""WeCom's callback encryption: AES-256-CBC of (16 random bytes, length, message, receive id).

The key is the EncodingAESKey plus `=` in base64, the initial vector its first 16 bytes, padding is
PKCS#7 to blocks of 32 bytes; the signature is SHA-1 over token, timestamp, nonce and cipher text.
"""

import base64
import binascii
import hashlib
import secrets
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 32
_RANDOM = 16


class CallbackCrypto:
    """Encrypts, decrypts and signs for one receiver."""

    def __init__(self, token: str, encoding_aes_key: str, receive_id: str) -> None:
        """The receive id of a corp's own app is the corpid."""
        self.token, self.receive_id = token, receive_id
        self._key = base64.b64decode(encoding_aes_key + "=")
        if len(self._key) != _BLOCK:
            raise ValueError("an EncodingAESKey has 43 characters")

    def _cipher(self) -> Cipher:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:_RANDOM]))

    def encrypt(self, message: str, random: bytes | None = None) -> str:
        """The cipher text of a message, in base64."""
        content = message.encode()
        head = (random or secrets.token_bytes(_RANDOM)) + struct.pack(">I", len(content))
        plain = head + content + self.receive_id.encode()
        pad = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher().encryptor()
        cipher = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
        return base64.b64encode(cipher).decode()

    def decrypt(self, encrypted: str) -> str:
        """The message of a cipher text.

        Raises:
            ValueError: it is no cipher text of ours, or meant for somebody else.
        """
        try:
            cipher = base64.b64decode(encrypted, validate=True)
            decryptor = self._cipher().decryptor()
            plain = decryptor.update(cipher) + decryptor.finalize()
        except (binascii.Error, ValueError):
            raise ValueError("no cipher text") from None
        plain = plain[: -plain[-1]]
        (length,) = struct.unpack(">I", plain[_RANDOM : _RANDOM + 4])
        content = plain[_RANDOM + 4 : _RANDOM + 4 + length]
        if plain[_RANDOM + 4 + length :].decode() != self.receive_id:
            raise ValueError("meant for another receiver")
        return content.decode()

    def signature(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """The `msg_signature` of a request."""
        parts = sorted([self.token, timestamp, nonce, encrypted])
        return hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()

    def query(self, timestamp: str, nonce: str, encrypted: str) -> dict[str, str]:
        """The query parameters of a request."""
        return {
            "msg_signature": self.signature(timestamp, nonce, encrypted),
            "timestamp": timestamp,
            "nonce": nonce,
        }
