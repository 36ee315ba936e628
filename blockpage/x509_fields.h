// The few fields that both the CA's and a leaf's certificate carry, written through OpenSSL.
#pragma once

#include <string>

#include "blockpage/openssl_ptr.h"
#include "resolver/base/clock.h"

namespace cenote {

// False: OpenSSL refused, and the certificate is of no use.
bool set_random_serial(x509_st* certificate);  // 128 bits, RFC 5280 section 4.1.2.2
bool set_validity(x509_st* certificate, WallTime from, WallTime until);
// `value` in the notation of x509v3_config(5). It must not hold text from outside: there "," and "=" have a
// meaning.
bool add_extension(x509_st* certificate, x509_st* issuer, int nid, const char* value);
PkeyPtr make_p256_key();

// OpenSSL's own words for the last failure of this thread; clears its error queue.
std::string take_openssl_error();

}  // namespace cenote
