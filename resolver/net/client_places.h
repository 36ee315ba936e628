// The places that connections take, of each client and in all, and who makes room when there are too many:
// many people may stand behind one address. Servers that share one ClientPlaces, on several threads too,
// count together: else a client had as many places as there are workers. It also says how fast a client may
// begin TLS, whose handshakes cost a processor's time. Clients are known by IpAddress::host_bytes().
// Thread-safe; it is asked once or twice a connection. For a query its Place writes a word of its own.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "resolver/base/address.h"
#include "resolver/base/clock.h"

namespace cenote {

class ClientPlaces;
class Loop;

// A connection that holds a place. Called on its loop's thread.
class PlaceTenant {
 public:
  // The place is somebody else's now. The connection goes, once what is under way has been answered.
  virtual void on_displaced() = 0;

 protected:
  ~PlaceTenant() = default;
};

// One connection's place; it is given back when this goes. Everything but the ClientPlaces' own look at it is
// done on the loop's thread.
class Place {
 public:
  Place() noexcept = default;  // none
  Place(Place&&) noexcept = default;
  Place& operator=(Place&&) = delete;
  ~Place();

  [[nodiscard]] bool is_taken() const noexcept { return node_ != nullptr; }
  // In the loop's turn in which it was taken.
  void set_tenant(PlaceTenant& tenant) noexcept;
  // It is this client's from now on, for whom a proxy speaks. False: that client has as many as it may have,
  // and all of them are in use.
  [[nodiscard]] bool name_client(const IpAddress& client, MonoTime now);

  // Nothing is under way since then. `has_asked`: a whole question has come at some time.
  void note_idle(MonoTime since, bool has_asked) noexcept;
  void note_busy() noexcept;  // a question is under way: it does not make room

 private:
  friend class ClientPlaces;
  struct Node;
  Place(std::shared_ptr<ClientPlaces> places, std::shared_ptr<Node> node) noexcept;

  std::shared_ptr<ClientPlaces> places_;
  std::shared_ptr<Node> node_;
};

class ClientPlaces : public std::enable_shared_from_this<ClientPlaces> {
 public:
  struct Limits {
    size_t connections_per_client;
    uint32_t handshakes_per_second;  // of one client on average; twice as many at once
    size_t connections = SIZE_MAX;   // of all clients together
  };

  static std::shared_ptr<ClientPlaces> make(Limits limits) {
    return std::shared_ptr<ClientPlaces>(new ClientPlaces(limits));
  }
  ~ClientPlaces();

  // One more connection of that client on that loop. Where there are too many of this client, or in all,
  // another one makes room: the one that has been of no use for longest, where the time of one that has never
  // asked anything counts eightfold, and in all also by how many its client holds. None: all are in use.
  Place take(const IpAddress& client, Loop& loop, MonoTime now);
  // The same for a proxy's connection: nobody knows yet whose it is.
  Place take_unnamed(Loop& loop, MonoTime now);
  // One more handshake; false: that client comes too fast, and may do so a little later.
  [[nodiscard]] bool begin_handshake(const IpAddress& client, MonoTime now);

  // From now on; who is too many then makes room at once, unless it is in use.
  void set_limits(Limits limits, MonoTime now);

  [[nodiscard]] size_t known_clients() const;
  [[nodiscard]] size_t connections() const;
  // Connections that made room, since the start.
  [[nodiscard]] uint64_t displaced() const noexcept { return displaced_.load(std::memory_order_relaxed); }

 private:
  friend class Place;
  using Key = std::vector<uint8_t>;
  // Those among whom one is chosen, and where the last look ended.
  struct Ring {
    std::vector<std::shared_ptr<Place::Node>> nodes;
    size_t hand = 0;
  };
  struct Client {
    Ring ring;
    double handshakes = 0;  // a bucket that drains by handshakes_per_second
    MonoTime last_seen{};
    bool is_named = true;
  };

  explicit ClientPlaces(Limits limits);
  Place take(const Key& key, bool is_named, Loop& loop, MonoTime now);
  bool name_client(const std::shared_ptr<Place::Node>& node, const IpAddress& address, MonoTime now);
  void leave(Place::Node& node);
  Client& client(const Key& key, MonoTime now);
  bool make_room(Client& newcomer, bool in_all, MonoTime now);
  Place::Node* choose(Ring& ring, size_t least_held, MonoTime now) const;
  void displace(Place::Node& node);
  void enter(const std::shared_ptr<Place::Node>& node, Client& client);
  void quit(Place::Node& node) noexcept;
  void tidy(MonoTime now);
  static Key key_of(const IpAddress& client) {
    return {client.host_bytes().begin(), client.host_bytes().end()};
  }

  mutable std::mutex mutex_;
  Limits limits_;
  std::map<Key, Client> clients_;
  Ring all_;
  MonoTime tidied_{};
  std::atomic<uint64_t> displaced_{0};
};

}  // namespace cenote
