// Where the block page is served, what it says of the organisation, and whose certificates it shows. Filled
// by conf/.
#pragma once

#include <string>
#include <vector>

#include "resolver/base/address.h"

namespace cenote {

struct BlockpageSettings {
  std::vector<SocketAddress> http{*SocketAddress::from_text("127.0.0.1:8080")};
  std::vector<SocketAddress> https{*SocketAddress::from_text("127.0.0.1:8443")};
  // PEM files of the organisation's CA. Both empty: one is made in state_dir on the first start.
  std::string ca_certificate;
  std::string ca_key;
  std::string state_dir = "/var/lib/cenote";

  std::string organisation;  // empty: the page says "your organisation"
  std::string contact_mail;
  std::string contact_phone;
  std::string contact_hours;                       // "Mon-Fri 9:00-18:00 JST": when somebody answers
  std::vector<std::string> languages{"ja", "en"};  // the first when Accept-Language matches none

  bool operator==(const BlockpageSettings&) const = default;
};

}  // namespace cenote
