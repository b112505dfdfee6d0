#ifndef C_JOSE_H
#define C_JOSE_H

#include <stddef.h>
#include <stdint.h>

/// Whether `signature`, r and s of 32 bytes each, is that of the point (`x`, `y`), 32 bytes each, on P-256 over `message`:
/// ES256 of RFC 7518 §3.4.
int jose_verify_es256(
    const uint8_t x[32], const uint8_t y[32], const uint8_t *message, size_t length, const uint8_t signature[64]);

/// Whether `signature` is that of an RSA key over `message`: RS256 of RFC 7518 §3.3, or PS256 of §3.5 with `is_pss`.
/// Modulus and exponent are big-endian.
int jose_verify_rsa(
    const uint8_t *modulus, size_t modulus_length, const uint8_t *exponent, size_t exponent_length, int is_pss,
    const uint8_t *message, size_t length, const uint8_t *signature, size_t signature_length);

#endif
