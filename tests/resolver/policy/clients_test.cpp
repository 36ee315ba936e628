#include "resolver/policy/clients.h"

#include <catch2/catch.hpp>

namespace cenote::clients_test {
namespace {

ClientSettings settings() {
  ClientSettings settings;
  settings.groups = {{"network", {*Prefix::from_text("10.0.5.0/24")}, {}, {}},
                     {"kiosks", {}, {"kiosk-7", "*.kiosks.corp.example"}, {}},
                     {"tokyo", {}, {"*.corp.example", "taro@corp.example"}, {}}};
  return settings;
}

std::string group_of(const char* address, const char* name) {
  const Clients clients(settings());
  return std::string(clients.group_name(clients.group_of(*IpAddress::from_text(address), name)));
}

}  // namespace

TEST_CASE("a client that says who it is belongs to the group of its name, wherever it is",
          "[policy][clients]") {
  CHECK(group_of("10.0.5.1", "kiosk-7") == "kiosks");
  CHECK(group_of("192.0.2.1", "kiosk-7") == "kiosks");
  CHECK(group_of("192.0.2.1", "taro@corp.example") == "tokyo");
  CHECK(group_of("10.0.5.1", "a.corp.example") == "tokyo");
  CHECK(group_of("10.0.5.1", "a.kiosks.corp.example") == "kiosks");  // the longest
  CHECK(group_of("10.0.5.1", "b.a.kiosks.corp.example") == "kiosks");
}

TEST_CASE("a name of no group leaves the client to its address", "[policy][clients]") {
  CHECK(group_of("10.0.5.1", "") == "network");
  CHECK(group_of("10.0.5.1", "kiosk-8") == "network");
  CHECK(group_of("10.0.5.1", "corp.example") == "network");  // "*." is what is below
  CHECK(group_of("192.0.2.1", "notcorp.example").empty());
}

TEST_CASE("an address or a certificate of the site's own authority admits, and a name does not",
          "[policy][clients]") {
  const IpAddress inside = *IpAddress::from_text("10.0.5.1");
  const IpAddress outside = *IpAddress::from_text("192.0.2.1");
  ClientSettings asked_for = settings();
  CHECK_FALSE(Clients(asked_for).may_ask(outside, true));  // of what authority?
  asked_for.certificates = true;
  const Clients clients(asked_for);
  CHECK(clients.may_ask(outside, true));
  CHECK(clients.may_ask(inside, false));
  CHECK_FALSE(clients.may_ask(outside, false));
  CHECK(clients.group_name(clients.group_of(outside, "kiosk-7")) == "kiosks");  // which changes nothing
}

TEST_CASE("a client's name is short, plain and in small letters", "[policy][clients]") {
  for (const char* good : {"a", "7", "kiosk-7", "a.b_c-d@e.example"}) {
    CHECK(is_client_name(good));
  }
  for (const char* bad : {"", "-a", ".a", "A", "a b", "a/b", "a%", "\xc3\xa9"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_client_name(bad));
  }
  CHECK(is_client_name(std::string(62, 'a')));
  CHECK_FALSE(is_client_name(std::string(63, 'a')));
  CHECK(is_client_pattern("*.lab.example"));
  CHECK(is_client_pattern("kiosk-7"));
  for (const char* bad : {"*", "*.", "a.*", "*lab", "*.*.lab", ""}) {
    CHECK_FALSE(is_client_pattern(bad));
  }
  // A certificate may say more than a name may hold.
  CHECK(client_name_of("Taro Yamada").view() == "taro-yamada");
  CHECK(client_name_of("LAPTOP-7.Corp.Example").view() == "laptop-7.corp.example");
  CHECK(client_name_of(std::string(100, 'a')).view().size() == 62);
}

}  // namespace cenote::clients_test
