#include "resolver/net/client_places.h"

#include <catch2/catch.hpp>

#include "resolver/net/handshake_queue.h"
#include "resolver/net/loop.h"

namespace cenote::client_places_test {
namespace {

constexpr MonoTime kStart{std::chrono::hours{1}};

IpAddress address(std::string_view text) {
  return IpAddress::from_text(text).value();
}

// A connection: whether it was told to go.
struct Tenant final : PlaceTenant {
  Tenant(ClientPlaces& places, Loop& loop, std::string_view client, MonoTime now = kStart)
      : place(places.take(address(client), loop, now)) {
    if (place.is_taken()) {
      place.set_tenant(*this);
    }
  }
  void on_displaced() override { was_displaced = true; }

  Place place;
  bool was_displaced = false;
};

struct Fixture {
  Loop loop;
  std::vector<std::unique_ptr<Tenant>> tenants;

  Tenant& open(ClientPlaces& places, std::string_view client, MonoTime now = kStart) {
    return *tenants.emplace_back(std::make_unique<Tenant>(places, loop, client, now));
  }
  void turn() {
    loop.post([this] { loop.stop(); });
    loop.run();
  }
  // Who was told to go, by the order in which they came.
  std::vector<size_t> gone() {
    turn();
    std::vector<size_t> all;
    for (size_t i = 0; i < tenants.size(); ++i) {
      if (tenants[i]->was_displaced) {
        all.push_back(i);
      }
    }
    return all;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a client holds only so many places, whatever address of its own it comes from",
                 "[net][client_places]") {
  const auto places = ClientPlaces::make({2, 100});
  const auto opens = [&](std::string_view client) {
    Tenant& tenant = open(*places, client);
    if (tenant.place.is_taken()) {
      tenant.place.note_busy();
    }
    return tenant.place.is_taken();
  };
  CHECK(opens("10.0.0.1"));
  CHECK(opens("10.0.0.1"));
  CHECK_FALSE(opens("10.0.0.1"));
  CHECK(opens("10.0.0.2"));
  CHECK(opens("2001:db8::1"));
  CHECK(opens("2001:db8::2:0:0:1"));
  CHECK_FALSE(opens("2001:db8::3"));
  CHECK(opens("2001:db8:0:1::1"));
  tenants.erase(tenants.begin());
  CHECK(opens("10.0.0.1"));
  CHECK(gone().empty());
}

TEST_CASE_METHOD(Fixture, "of a client's connections the one that has been of no use for longest makes room",
                 "[net][client_places]") {
  const auto places = ClientPlaces::make({4, 100});
  const std::string_view client = "10.0.0.1";
  open(*places, client).place.note_busy();
  open(*places, client).place.note_idle(kStart + seconds{5}, true);
  open(*places, client).place.note_idle(kStart + seconds{4}, true);
  open(*places, client).place.note_idle(kStart + seconds{7}, true);
  CHECK(open(*places, client, kStart + seconds{8}).place.is_taken());
  CHECK(gone() == std::vector<size_t>{2});
  CHECK(open(*places, client, kStart + seconds{8}).place.is_taken());
  CHECK(gone() == std::vector<size_t>{1, 2});
  CHECK(places->connections() == 4);
  CHECK(places->displaced() == 2);
}

TEST_CASE_METHOD(Fixture, "the time of one that has never asked anything counts eightfold",
                 "[net][client_places]") {
  const auto places = ClientPlaces::make({2, 100});
  const std::string_view client = "10.0.0.1";
  const bool is_silent_for_long = GENERATE(false, true);
  open(*places, client).place.note_idle(kStart + seconds{1}, true);
  open(*places, client, kStart + milliseconds{is_silent_for_long ? 7500 : 8500});
  open(*places, client, kStart + seconds{9});
  CHECK(gone() == std::vector<size_t>{is_silent_for_long ? size_t{1} : size_t{0}});
}

TEST_CASE_METHOD(Fixture, "in all, whoever holds most makes room, and nobody for one that holds more",
                 "[net][client_places]") {
  const auto places = ClientPlaces::make({100, 100, 5});
  open(*places, "10.0.0.1").place.note_idle(kStart, true);
  for (int i = 0; i < 4; ++i) {
    open(*places, "10.0.0.2").place.note_idle(kStart + seconds{2}, true);
  }
  const MonoTime now = kStart + seconds{3};
  CHECK(open(*places, "10.0.0.3", now).place.is_taken());
  CHECK(gone() == std::vector<size_t>{1});
  for (const size_t busy : {size_t{2}, size_t{3}, size_t{4}}) {
    tenants[busy]->place.note_busy();
  }
  CHECK_FALSE(open(*places, "10.0.0.2", now).place.is_taken());
  CHECK(gone() == std::vector<size_t>{1});
}

TEST_CASE_METHOD(Fixture, "in all, who holds more than the others makes room for itself",
                 "[net][client_places]") {
  const auto places = ClientPlaces::make({100, 100, 5});
  for (const char* client : {"10.0.0.1", "10.0.0.2", "10.0.0.3"}) {
    open(*places, client).place.note_idle(kStart, true);
  }
  for (int i = 0; i < 2; ++i) {
    open(*places, "10.0.0.4").place.note_idle(kStart + seconds{1 + i}, true);
  }
  // The hand passes the others, who hold fewer: also where there is nobody else to choose.
  tenants[3]->place.note_busy();
  tenants[4]->place.note_busy();
  CHECK_FALSE(open(*places, "10.0.0.4", kStart + seconds{3}).place.is_taken());
  tenants[4]->place.note_idle(kStart + seconds{2}, true);
  CHECK(open(*places, "10.0.0.4", kStart + seconds{3}).place.is_taken());
  CHECK(gone() == std::vector<size_t>{4});
}

TEST_CASE_METHOD(Fixture, "hosts with link-local addresses are clients of their own",
                 "[net][client_places]") {
  const auto places = ClientPlaces::make({1, 100});
  open(*places, "fe80::1").place.note_busy();
  CHECK_FALSE(open(*places, "fe80::1").place.is_taken());
  CHECK(open(*places, "fe80::2").place.is_taken());
}

TEST_CASE_METHOD(Fixture, "a proxy's connection counts for its client as soon as that has a name",
                 "[net][client_places]") {
  const auto places = ClientPlaces::make({1, 100});
  Place first = places->take_unnamed(loop, kStart);
  Place second = places->take_unnamed(loop, kStart);
  REQUIRE(first.is_taken());
  REQUIRE(second.is_taken());
  CHECK(first.name_client(address("10.0.0.1"), kStart));
  first.note_busy();
  CHECK_FALSE(second.name_client(address("10.0.0.1"), kStart));
  CHECK(second.name_client(address("10.0.0.2"), kStart));
}

TEST_CASE_METHOD(Fixture, "lower limits send those away who are too many, but for those in use",
                 "[net][client_places]") {
  const auto places = ClientPlaces::make({100, 100});
  for (int i = 0; i < 6; ++i) {
    open(*places, "10.0.0.1").place.note_idle(kStart + seconds{i}, true);
  }
  tenants[0]->place.note_busy();
  places->set_limits({3, 100}, kStart + seconds{6});
  CHECK(gone() == std::vector<size_t>{1, 2, 3});
  places->set_limits({100, 100, 0}, kStart + seconds{6});
  CHECK(gone() == std::vector<size_t>{1, 2, 3, 4, 5});
  CHECK(places->connections() == 1);
}

TEST_CASE_METHOD(Fixture, "a connection that goes by itself hears nothing more", "[net][client_places]") {
  const auto places = ClientPlaces::make({1, 100});
  open(*places, "10.0.0.1");
  open(*places, "10.0.0.1");
  tenants.erase(tenants.begin());
  CHECK(gone().empty());
  CHECK(places->connections() == 1);
}

TEST_CASE("handshakes come as fast as they may, and two seconds' worth at once", "[net][client_places]") {
  const auto places = ClientPlaces::make({1000, 10});
  const IpAddress client = address("10.0.0.1");
  const auto begun = [&](MonoTime now) {
    int count = 0;
    while (count < 100 && places->begin_handshake(client, now)) {
      ++count;
    }
    return count;
  };
  CHECK(begun(kStart) == 20);
  CHECK(begun(kStart + milliseconds{500}) == 5);
  CHECK(begun(kStart + seconds{10}) == 20);
}

TEST_CASE_METHOD(Fixture, "who holds nothing is forgotten, but not before its handshakes are",
                 "[net][client_places]") {
  const auto places = ClientPlaces::make({1, 1});
  open(*places, "10.0.0.1", kStart);
  open(*places, "10.0.0.2", kStart + seconds{61});
  CHECK(places->known_clients() == 2);
  tenants.clear();
  open(*places, "10.0.0.3", kStart + seconds{62});
  CHECK(places->known_clients() == 2);  // of the last second
  tenants.clear();
  open(*places, "10.0.0.3", kStart + seconds{65});
  CHECK(places->known_clients() == 1);
}

TEST_CASE("handshakes that come too soon wait, and the newest and the oldest go on in turn",
          "[net][client_places]") {
  struct Waiter final : HandshakeQueue::Waiter {
    Waiter(std::vector<int>& all, int own) : order(all), number(own) {}
    [[nodiscard]] const IpAddress& handshake_client() const override { return client; }
    void on_handshake_turn() override { order.push_back(number); }
    std::vector<int>& order;
    int number;
    IpAddress client = address("10.0.0.1");
  };
  Loop loop;
  const auto places = ClientPlaces::make({1000, 50});
  HandshakeQueue queue(loop, *places);
  std::vector<int> order;
  std::vector<std::unique_ptr<Waiter>> waiters;
  Timer end(loop, [&] {
    if (order.size() == 3) {
      loop.stop();
    }
  });
  loop.post([&] {
    for (int i = 0; i < 100; ++i) {
      waiters.push_back(std::make_unique<Waiter>(order, -1));
      if (!queue.begin(*waiters.back())) {
        queue.forget(*waiters.back());
      }
    }
    for (int i = 0; i < 4; ++i) {
      waiters.push_back(std::make_unique<Waiter>(order, i));
      CHECK_FALSE(queue.begin(*waiters.back()));
    }
    queue.forget(*waiters[101]);
    end.start(milliseconds{1}, milliseconds{1});
  });
  loop.run();
  CHECK(order == std::vector<int>{3, 0, 2});
}

}  // namespace cenote::client_places_test
