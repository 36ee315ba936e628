// Owners of OpenSSL's objects, so that each is wrapped in the very expression that creates it.
#pragma once

#include <memory>

struct evp_pkey_st;
struct x509_st;

namespace cenote {

struct X509Free {
  void operator()(x509_st* certificate) const noexcept;
};
struct PkeyFree {
  void operator()(evp_pkey_st* key) const noexcept;
};
using X509Ptr = std::unique_ptr<x509_st, X509Free>;
using PkeyPtr = std::unique_ptr<evp_pkey_st, PkeyFree>;

}  // namespace cenote
