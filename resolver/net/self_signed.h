// A certificate of our own for encrypted DNS where the configuration names none. Nobody signed it: clients
// that check must be given its pin; those of the opportunistic profile (RFC 8310 section 5) are content.
// Start-up and reload only.
#pragma once

#include <string>
#include <vector>

#include "resolver/base/clock.h"
#include "resolver/base/result.h"

namespace cenote {

struct SelfSigned {
  std::string certificate_file;
  std::string key_file;
  std::string pin;      // of its key, which outlives the certificate
  bool is_new = false;  // made by this call
};

// The pair in `folder` (dns.crt, and dns.key with mode 0600), made where it is absent or close to its end.
// `names`: host names and addresses that the certificate is for.
Result<SelfSigned> self_signed_pair(const std::string& folder, const std::vector<std::string>& names,
                                    WallTime now);

}  // namespace cenote
