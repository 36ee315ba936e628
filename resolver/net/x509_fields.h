// The few fields that every certificate of ours carries, written through OpenSSL, and certificates as PEM.
#pragma once

#include <string>

#include "resolver/base/clock.h"
#include "resolver/net/openssl_ptr.h"

namespace cenote {

// False: OpenSSL refused, and the certificate is of no use.
bool set_random_serial(x509_st* certificate);  // 128 bits, RFC 5280 section 4.1.2.2
bool set_validity(x509_st* certificate, WallTime from, WallTime until);
// `value` in the notation of x509v3_config(5). It must not hold text from outside: there "," and "=" have a
// meaning.
bool add_extension(x509_st* certificate, x509_st* issuer, int nid, const char* value);
PkeyPtr make_p256_key();

// In PEM; empty: OpenSSL refused.
std::string to_pem(const X509Ptr& certificate);
std::string to_pem(const PkeyPtr& key);
// Base64 of the SHA-256 of the SubjectPublicKeyInfo: what clients pin (RFC 7858 section 4.2).
std::string spki_pin(x509_st* certificate);

// Whose it is: the first DNS name of its subjectAltName, else the first mail address, else its common name.
std::string subject_name(x509_st* certificate);

// OpenSSL's own words for the last failure of this thread; clears its error queue.
std::string take_openssl_error();

}  // namespace cenote
