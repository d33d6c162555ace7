"""G.711 (ITU-T G.711): mu-law and A-law to 16-bit linear, and back for mu-law."""


def mu_law(sample: int) -> int:
    """One 16-bit linear sample as mu-law."""
    sign, magnitude = (0x80 if sample < 0 else 0), min(abs(sample), 32635) + 0x84
    exponent = magnitude.bit_length() - 8
    return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0F)) & 0xFF


def _of_mu_law(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def _of_a_law(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, ((code & 0x0F) << 4) + 8
    magnitude = mantissa if exponent == 0 else (mantissa + 0x100) << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude


linear_of_mu_law = tuple(map(_of_mu_law, range(256)))
linear_of_a_law = tuple(map(_of_a_law, range(256)))
