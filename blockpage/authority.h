// The organisation's certificate authority, whose signature lets a browser show the block page over HTTPS
// without a warning. Read from the configured files, or made in state_dir on the first start. Web thread; it
// signs what it is given: Certificates decides for which names.
#pragma once

#include <string>
#include <vector>

#include "blockpage/settings.h"
#include "resolver/base/clock.h"
#include "resolver/base/result.h"
#include "resolver/net/openssl_ptr.h"

namespace cenote {

class Authority {
 public:
  // The error names the file that is missing, unreadable, expired, no CA, or does not fit the other one.
  static Result<Authority> open(const BlockpageSettings& settings, WallTime now);

  [[nodiscard]] x509_st* certificate() const noexcept { return certificate_.get(); }
  // What a server sends behind a leaf so that a client that trusts only the root finds the way to it: the CA
  // itself when it is not a root, and what stands behind it in its file.
  [[nodiscard]] const std::vector<x509_st*>& chain() const noexcept { return chain_; }
  [[nodiscard]] WallTime expires() const noexcept { return expires_; }
  [[nodiscard]] const std::string& certificate_file() const noexcept { return certificate_file_; }
  [[nodiscard]] bool is_new() const noexcept { return is_new_; }  // made by this open()

  // False: OpenSSL refused (out of memory, a key that cannot sign).
  bool sign(x509_st* leaf) const;

 private:
  Authority() = default;
  Result<void> load(const std::string& key_file, WallTime now);

  X509Ptr certificate_;
  PkeyPtr key_;
  std::vector<X509Ptr> intermediates_;
  std::vector<x509_st*> chain_;
  WallTime expires_;
  std::string certificate_file_;
  bool is_new_ = false;
};

}  // namespace cenote
