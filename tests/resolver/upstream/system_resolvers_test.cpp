#include "resolver/upstream/system_resolvers.h"

#include <catch2/catch.hpp>

#include "tests/support/temporary_folder.h"

namespace cenote::system_resolvers_test {
namespace {

std::vector<std::string> texts(const std::vector<SocketAddress>& addresses) {
  std::vector<std::string> all;
  for (const SocketAddress& address : addresses) {
    all.push_back(address.to_text());
  }
  return all;
}

}  // namespace

TEST_CASE("nameserver lines are read in order and the rest is passed over", "[upstream]") {
  const char* text =
      "# a comment\nsearch corp.example\nnameserver 192.0.2.53\n\tnameserver\t2001:db8::53 # second\n"
      "nameserver fe80::1%lo\nnameserver fe80::1%nowhere0\nnameserver nonsense\nnameserver\nnameserver "
      "fe80::1\noptions edns0\n"
      "nameserver 192.0.2.54";
  CHECK(texts(parse_resolv_conf(text, {})) ==
        std::vector<std::string>{"192.0.2.53:53", "[2001:db8::53]:53", "[fe80::1%lo]:53", "192.0.2.54:53"});
}

TEST_CASE("a resolver never forwards to itself", "[upstream]") {
  const char* text = "nameserver 127.0.0.1\nnameserver 127.0.0.53\nnameserver 192.0.2.53\n";
  CHECK(texts(parse_resolv_conf(text, {*SocketAddress::from_text("127.0.0.1:53")})) ==
        std::vector<std::string>{"127.0.0.53:53", "192.0.2.53:53"});
  CHECK(texts(parse_resolv_conf(text, {*SocketAddress::from_text("0.0.0.0:53")})) ==
        std::vector<std::string>{"192.0.2.53:53"});
  CHECK(texts(parse_resolv_conf(text, {*SocketAddress::from_text("127.0.0.1:5300")})).size() == 3);
}

TEST_CASE("the machine's resolvers stand in only where nobody serves the root zone", "[upstream]") {
  const TemporaryFolder folder;
  folder.write("resolv.conf", "nameserver 192.0.2.53\n");
  const std::string path = folder / "resolv.conf";
  UpstreamSettings settings;
  settings.zones.push_back({*Name::from_text("corp.example"), {}});
  const UpstreamSettings filled = with_system_resolvers(settings, {}, path.c_str());
  REQUIRE(filled.zones.size() == 2);
  CHECK(filled.zones[1].zone.is_root());
  CHECK(filled.zones[1].servers.size() == 1);
  CHECK(with_system_resolvers(filled, {}, path.c_str()) == filled);
  CHECK(with_system_resolvers(settings, {}, "/nonexistent/resolv.conf") == settings);
}

}  // namespace cenote::system_resolvers_test
