// What of the server does not work as configured, while the rest of it runs: said in the log when it begins
// and when it ends, and shown by `cenote status` and /metrics. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cenote {

enum class Part : uint8_t {
  kDot,           // DNS over TLS
  kDoh,           // DNS over HTTPS
  kPageHttps,     // the block page over HTTPS
  kControlHttps,  // the control API over HTTPS
  kTokens,        // of the control API
  kEventFile,     // off: hits are in memory alone
  kSecrets,       // impaired: DNS cookies and incident numbers begin anew with each start
  kState,         // off: policy stays as it is, for nothing can be written
  kUpstreams,     // impaired: some servers are not asked; off: none is
  kHosts,         // the names of names.hosts
  kAudit,         // off: changes are made, and wait in memory to be noted in the record of changes
};
constexpr size_t kParts = 11;
std::string_view to_text(Part part) noexcept;  // "dot", "page_https": in the API and the metrics

struct Fault {
  Part part;
  bool is_off = false;  // false: it works, but not as configured
  std::string why;
  bool operator==(const Fault&) const = default;
};

class Faults {
 public:
  void off(Part part, const std::string& why) { set({part, true, why}); }
  void impaired(Part part, const std::string& why) { set({part, false, why}); }
  void clear(Part part);  // harmless when all was well

  [[nodiscard]] bool is_off(Part part) const;
  [[nodiscard]] std::vector<Fault> all() const;  // in the order of the parts

 private:
  void set(const Fault& fault);

  mutable std::mutex mutex_;
  std::array<std::optional<Fault>, kParts> of_part_;
};

}  // namespace cenote
