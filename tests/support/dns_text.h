// DNS messages in tests: built from presentation format and read back as text, both by ldns, so that the
// program's own parser never judges itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/bytes.h"
#include "resolver/dns/types.h"

namespace cenote::test {

using Wire = std::vector<uint8_t>;

struct QueryOptions {
  uint16_t id = 0x1234;
  bool recursion_desired = true;
  bool edns = true;
  bool dnssec_ok = false;
  bool checking_disabled = false;
  uint16_t udp_size = 1232;
  uint8_t edns_version = 0;
  uint16_t klass = 1;
};
// The letter case of `name` is kept.
Wire query(std::string_view name, uint16_t type, const QueryOptions& options = {});

// A response to a query, record by record: Reply(q).answer("www.example.com. 60 IN A 192.0.2.1").wire().
class Reply {
 public:
  explicit Reply(Bytes query);
  Reply& rcode(Rcode code);
  Reply& truncated();
  Reply& authenticated();
  Reply& id(uint16_t id);
  Reply& answer(const std::string& record);
  Reply& authority(const std::string& record);
  Reply& additional(const std::string& record);
  Reply& extended_error(uint16_t code, std::string_view text);
  [[nodiscard]] Wire wire() const;

 private:
  uint16_t id_;
  uint16_t flags_;
  Wire question_;
  Wire sections_[3];
  uint16_t counts_[3] = {0, 0, 0};
  std::optional<Wire> error_;
};

// A message as ldns reads it. `ok` is false when ldns refuses it.
struct Message {
  bool ok = false;
  uint16_t id = 0;
  uint8_t rcode = 0;
  bool qr = false, aa = false, tc = false, rd = false, ra = false, ad = false, cd = false;
  std::string question_name;  // letter case as on the wire
  uint16_t question_type = 0;
  std::vector<std::string> answers;  // "www.example.com. 60 IN A 192.0.2.1"
  std::vector<std::string> authorities;
  bool has_edns = false;
  bool dnssec_ok = false;
  uint16_t udp_size = 0;
  uint8_t extended_rcode = 0;
  std::optional<uint16_t> ede;
  std::string ede_text;
};
Message read(Bytes wire);

}  // namespace cenote::test
