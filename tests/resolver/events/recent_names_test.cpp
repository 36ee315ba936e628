#include "resolver/events/recent_names.h"

#include <catch2/catch.hpp>

namespace cenote::recent_names_test {
namespace {

IpAddress client(uint8_t number) {
  return IpAddress::v4({10, 0, 0, number});
}

}  // namespace

TEST_CASE("a name is there once, with who asked and when last", "[events][recent]") {
  RecentNames recent(16);
  const Name name = *Name::from_text("www.example");
  recent.note(name, client(1), 100);
  recent.note(name, client(2), 200);
  recent.note(name, client(1), 300);
  recent.note(Name(), client(1), 300);  // the root is nobody's name
  const auto all = recent.all();
  REQUIRE(all.size() == 1);
  CHECK(all[0].name == name);
  CHECK(all[0].last == 300);
  CHECK(count_clients(all[0].clients) == 2);
}

TEST_CASE("the number of clients is a good guess", "[events][recent]") {
  for (const int clients : {1, 5, 20, 60, 100}) {
    RecentNames recent(1);
    for (int i = 0; i < clients; ++i) {
      recent.note(*Name::from_text("a.example"), client(static_cast<uint8_t>(i)), 1);
    }
    CHECK(count_clients(recent.all()[0].clients) == Approx(clients).epsilon(0.35).margin(1));
  }
}

TEST_CASE("memory is bounded: a newer name takes an older one's place", "[events][recent]") {
  RecentNames recent(4);
  for (int i = 0; i < 1000; ++i) {
    recent.note(*Name::from_text("n" + std::to_string(i) + ".example"), client(1), i);
  }
  CHECK(recent.all().size() == 4);
}

}  // namespace cenote::recent_names_test
