#include "resolver/policy/embedded_address.h"

#include <catch2/catch.hpp>

namespace cenote::embedded_address_test {

TEST_CASE("an IPv4 address is found inside of an IPv6 one", "[policy][embedded]") {
  const auto [what, address, inside] = GENERATE(table<std::string, std::string, std::string>({
      {"NAT64", "64:ff9b::203.0.113.5", "203.0.113.5"},
      {"NAT64, not the prefix", "64:ff9b:0:1::203.0.113.5", ""},
      {"local NAT64, /48", "64:ff9b:1:cb00:71:500::", "203.0.113.5"},
      {"local NAT64, /56", "64:ff9b:1:aacb:0:7105::", "203.0.113.5"},
      {"local NAT64, /64", "64:ff9b:1:aa:cb:71:500::", "203.0.113.5"},
      {"local NAT64, /96", "64:ff9b:1:aa:bb:cc:203.0.113.5", "203.0.113.5"},
      {"6to4", "2002:cb00:7105::1", "203.0.113.5"},
      {"Teredo", "2001:0:4136:e378:8000:63bf:34ff:8efa", "203.0.113.5"},
      {"no Teredo", "2001:db8::34ff:8efa", ""},
      {"ISATAP", "2001:db8::5efe:203.0.113.5", "203.0.113.5"},
      {"ISATAP, a global address", "fe80::200:5efe:203.0.113.5", "203.0.113.5"},
      {"compatible", "::203.0.113.5", "203.0.113.5"},
      {"the host itself", "::1", ""},
      {"any", "::", ""},
      {"global", "2606:4700::1111", ""},
      {"IPv4 already", "203.0.113.5", ""},
      {"mapped, which is IPv4", "::ffff:203.0.113.5", ""},
  }));
  CAPTURE(what);
  const auto found = embedded_v4(IpAddress::from_text(address).value());
  CHECK((found ? found->to_text() : "") == inside);
}

}  // namespace cenote::embedded_address_test
