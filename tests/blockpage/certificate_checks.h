// A client's look at a certificate, by OpenSSL's own verification.
#pragma once

#include <string>

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "blockpage/certificates.h"

namespace cenote {

// X509_V_OK, or why a client that trusts `root` refuses `leaf` for `host` (a name or an address) at `at`.
inline int verify_as_client(X509* leaf, X509* root, const std::string& host, WallTime at,
                            const std::vector<X509*>& chain = {}) {
  X509_STORE* store = X509_STORE_new();
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  STACK_OF(X509)* untrusted = sk_X509_new_null();
  for (X509* link : chain) {
    sk_X509_push(untrusted, link);
  }
  X509_STORE_add_cert(store, root);
  X509_STORE_CTX_init(context, store, leaf, untrusted);
  X509_VERIFY_PARAM* wanted = X509_STORE_CTX_get0_param(context);
  X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_flags(wanted, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_time(wanted, unix_seconds(at));
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) != 1) {
    X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size());
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  }
  X509_verify_cert(context);
  const int error = X509_STORE_CTX_get_error(context);
  sk_X509_free(untrusted);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return error;
}

}  // namespace cenote
