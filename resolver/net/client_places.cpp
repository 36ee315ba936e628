#include "resolver/net/client_places.h"

#include <algorithm>

#include "resolver/net/loop.h"

namespace cenote {
namespace {

// How many are looked at for one that makes room: all that a client holds by default, and some 20 us.
constexpr size_t kLookedAt = 256;
constexpr size_t kMostLookedAt = 4096;  // while nobody has been found who could go
// A connection that has never asked anything is most likely nobody's. But a newcomer's handshake takes its
// time too, so it is not simply the first to go: then others could be kept out by connecting all the time.
constexpr int64_t kSilentCounts = 8;
constexpr int64_t kBusy = -1;

int64_t encoded(MonoTime since, bool has_asked) noexcept {
  const auto at = std::chrono::duration_cast<milliseconds>(since.time_since_epoch()).count();
  return std::max<int64_t>(at, 0) * 2 + (has_asked ? 1 : 0);
}

}  // namespace

// On cache lines of its own: its loop writes it for each question.
struct alignas(64) Place::Node {
  Node(Loop& on, MonoTime now) : loop(on), state(encoded(now, false)) {}

  Loop& loop;
  PlaceTenant* tenant = nullptr;  // the loop's thread's
  std::atomic<int64_t> state;     // written by the loop's thread: kBusy, or since when it is of no use
  // Under the lock.
  ClientPlaces::Client* client = nullptr;  // null: it has no place any more
  size_t in_all = 0;                       // where it is in both rings
  size_t in_client = 0;

  // How long it has been of no use, in milliseconds; negative: it is in use.
  [[nodiscard]] int64_t uselessness(MonoTime now) const noexcept {
    const int64_t seen = state.load(std::memory_order_relaxed);
    if (seen == kBusy) {
      return -1;
    }
    const int64_t passed = std::max<int64_t>(encoded(now, false) / 2 - seen / 2, 0) + 1;
    return passed * (seen % 2 == 0 ? kSilentCounts : 1);
  }
};

Place::Place(std::shared_ptr<ClientPlaces> places, std::shared_ptr<Node> node) noexcept
    : places_(std::move(places)), node_(std::move(node)) {}

Place::~Place() {
  if (node_ != nullptr) {
    node_->tenant = nullptr;  // A job that tells it of its end may be on its way.
    places_->leave(*node_);
  }
}

void Place::set_tenant(PlaceTenant& tenant) noexcept {
  node_->tenant = &tenant;
}

bool Place::name_client(const IpAddress& client, MonoTime now) {
  return places_->name_client(node_, client, now);
}

void Place::note_idle(MonoTime since, bool has_asked) noexcept {
  node_->state.store(encoded(since, has_asked), std::memory_order_relaxed);
}

void Place::note_busy() noexcept {
  node_->state.store(kBusy, std::memory_order_relaxed);
}

ClientPlaces::ClientPlaces(Limits limits) : limits_(limits) {}
ClientPlaces::~ClientPlaces() = default;

Place ClientPlaces::take(const IpAddress& client, Loop& loop, MonoTime now) {
  return take(key_of(client), true, loop, now);
}

Place ClientPlaces::take_unnamed(Loop& loop, MonoTime now) {
  return take({}, false, loop, now);
}

Place ClientPlaces::take(const Key& key, bool is_named, Loop& loop, MonoTime now) {
  const std::lock_guard lock(mutex_);
  tidy(now);
  Client& newcomer = client(key, now);
  newcomer.is_named = is_named;
  if (!make_room(newcomer, true, now)) {
    return {};
  }
  auto node = std::make_shared<Place::Node>(loop, now);
  enter(node, newcomer);
  return {shared_from_this(), std::move(node)};
}

bool ClientPlaces::name_client(const std::shared_ptr<Place::Node>& node, const IpAddress& address,
                               MonoTime now) {
  const std::lock_guard lock(mutex_);
  if (node->client == nullptr) {
    return false;  // it has been displaced meanwhile
  }
  Client& named = client(key_of(address), now);
  if (!make_room(named, false, now)) {
    return false;
  }
  quit(*node);
  enter(node, named);
  return true;
}

bool ClientPlaces::begin_handshake(const IpAddress& address, MonoTime now) {
  const std::lock_guard lock(mutex_);
  Client& of = client(key_of(address), now);
  if (of.handshakes + 1 > 2.0 * limits_.handshakes_per_second) {
    return false;
  }
  ++of.handshakes;
  return true;
}

void ClientPlaces::set_limits(Limits limits, MonoTime now) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  const auto shrink = [&](Ring& ring, size_t most) {
    while (ring.nodes.size() > most) {
      Place::Node* const chosen = choose(ring, 0, now);
      if (chosen == nullptr) {
        break;
      }
      displace(*chosen);
    }
  };
  for (auto& [key, of] : clients_) {
    if (of.is_named) {
      shrink(of.ring, limits.connections_per_client);
    }
  }
  shrink(all_, limits.connections);
}

size_t ClientPlaces::known_clients() const {
  const std::lock_guard lock(mutex_);
  return clients_.size();
}

size_t ClientPlaces::connections() const {
  const std::lock_guard lock(mutex_);
  return all_.nodes.size();
}

void ClientPlaces::leave(Place::Node& node) {
  const std::lock_guard lock(mutex_);
  if (node.client != nullptr) {
    quit(node);
  }
}

ClientPlaces::Client& ClientPlaces::client(const Key& key, MonoTime now) {
  Client& of = clients_[key];
  const std::chrono::duration<double> passed = now - of.last_seen;
  of.handshakes = std::max(0.0, of.handshakes - passed.count() * limits_.handshakes_per_second);
  of.last_seen = now;
  return of;
}

// Where the client has all that it may, one of its own; where nobody may have more, one of whoever holds no
// fewer than the newcomer, or else one of its own.
bool ClientPlaces::make_room(Client& newcomer, bool in_all, MonoTime now) {
  Place::Node* chosen = nullptr;
  if (newcomer.is_named && newcomer.ring.nodes.size() >= limits_.connections_per_client) {
    chosen = choose(newcomer.ring, 0, now);
  } else if (in_all && all_.nodes.size() >= limits_.connections) {
    chosen = choose(all_, newcomer.is_named ? newcomer.ring.nodes.size() : 0, now);
    if (chosen == nullptr && newcomer.is_named && !newcomer.ring.nodes.empty()) {
      chosen = choose(newcomer.ring, 0, now);
    }
  } else {
    return true;
  }
  if (chosen != nullptr) {
    displace(*chosen);
  }
  return chosen != nullptr;
}

Place::Node* ClientPlaces::choose(Ring& ring, size_t least_held, MonoTime now) const {
  const bool is_everybody = &ring == &all_;
  Place::Node* chosen = nullptr;
  double worst = -1;
  const size_t most = std::min(kMostLookedAt, ring.nodes.size());
  for (size_t i = 0; i < most && (i < kLookedAt || chosen == nullptr); ++i) {
    ring.hand = (ring.hand + 1) % ring.nodes.size();
    Place::Node& node = *ring.nodes[ring.hand];
    const size_t held = node.client->is_named ? node.client->ring.nodes.size() : 1;
    const auto useless = static_cast<double>(node.uselessness(now));
    const double weighed = is_everybody ? useless * static_cast<double>(held) : useless;
    if (useless >= 0 && held >= least_held && weighed > worst) {
      chosen = &node;
      worst = weighed;
    }
  }
  return chosen;
}

void ClientPlaces::displace(Place::Node& node) {
  displaced_.fetch_add(1, std::memory_order_relaxed);
  node.loop.post([kept = all_.nodes[node.in_all]] {
    if (kept->tenant != nullptr) {
      kept->tenant->on_displaced();
    }
  });
  quit(node);
}

void ClientPlaces::enter(const std::shared_ptr<Place::Node>& node, Client& client) {
  node->client = &client;
  node->in_client = client.ring.nodes.size();
  client.ring.nodes.push_back(node);
  node->in_all = all_.nodes.size();
  all_.nodes.push_back(node);
}

// The last one of each ring takes its place there.
void ClientPlaces::quit(Place::Node& node) noexcept {
  Client& client = *std::exchange(node.client, nullptr);
  const auto kept = all_.nodes[node.in_all];  // what holds it may be the rings alone
  all_.nodes.back()->in_all = node.in_all;
  std::swap(all_.nodes[node.in_all], all_.nodes.back());
  all_.nodes.pop_back();
  client.ring.nodes.back()->in_client = node.in_client;
  std::swap(client.ring.nodes[node.in_client], client.ring.nodes.back());
  client.ring.nodes.pop_back();
}

// Forgets who holds none and has not come lately, once a second and only when somebody comes: a thread
// without connections has nothing to do with it.
void ClientPlaces::tidy(MonoTime now) {
  if (now - tidied_ < seconds{1}) {
    return;
  }
  tidied_ = now;
  std::erase_if(clients_, [now](const auto& entry) {
    return entry.second.ring.nodes.empty() &&
           now - entry.second.last_seen > seconds{2};  // its bucket has run empty
  });
}

}  // namespace cenote
