// Resolves questions by asking the upstream servers: one worker's side of the world. Ties the pure parts
// (exchange, server pool) to the transports. It answers each resolve() that is not abandoned exactly once, at
// the latest after Exchange::kTotal.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <queue>
#include <unordered_map>
#include <vector>

#include "resolver/base/random.h"
#include "resolver/base/slab.h"
#include "resolver/dns/scrub.h"
#include "resolver/net/loop.h"
#include "resolver/upstream/server_pool.h"
#include "resolver/upstream/stream_transport.h"
#include "resolver/upstream/udp_transport.h"

namespace cenote {

class TlsContext;

struct Resolution {
  bool answered = false;      // `response` holds; otherwise nobody answered usefully
  ScrubbedResponse response;  // also a SERVFAIL or REFUSED that every server agreed on
  // A part of it came from a zone that the rebinding guard covers, whichever zone its question belongs to.
  // Set by who puts answers together.
  bool is_guarded = false;

  [[nodiscard]] bool is_good() const noexcept { return answered && !response.is_failure(); }
};

class ResolutionEvents {
 public:
  virtual void on_resolved(uint64_t cookie, Resolution& resolution) = 0;

 protected:
  ~ResolutionEvents() = default;
};

// Why servers cannot be asked as they are configured, each with its address: a CA that is missing, for one.
std::vector<std::string> unusable_servers(const UpstreamSettings& settings);

// On cache lines of its own: one thread makes those of all workers, one after the other in memory.
class alignas(64) Forwarder final : TransportEvents {
 public:
  // A server that cannot be asked as it is configured, such as one whose CA is missing, is not asked at all:
  // see excluded(). A zone without any other fails, and goes to no other zone's servers.
  static std::unique_ptr<Forwarder> make(Loop& loop, const UpstreamSettings& settings, Random& random,
                                         ResolutionEvents& events, ServerMemories* memories = nullptr);
  ~Forwarder();

  // Why servers are not asked, each with its address.
  [[nodiscard]] const std::vector<std::string>& excluded() const noexcept { return excluded_; }
  // Whether all that `other` can ask goes on when this one takes its place: no server of a zone that both
  // have is lost to an exclusion, and no zone without a usable server takes over names that `other` can ask
  // for. Zones and servers that are configured no more are no loss.
  [[nodiscard]] bool can_replace(const Forwarder& other) const noexcept;

  [[nodiscard]] std::optional<uint16_t> zone_of(const Name& name) const noexcept {
    return pool_.zone_of(name);
  }
  [[nodiscard]] std::optional<uint16_t> zone_of(const Name& name, uint16_t type) const noexcept {
    return pool_.zone_of(name, type);
  }
  // `cookie` comes back with the result, never inside this call, and at the latest at `deadline`.
  Handle resolve(uint16_t zone, const UpstreamQuestion& question, uint64_t cookie, MonoTime deadline);
  Handle resolve(uint16_t zone, const UpstreamQuestion& question, uint64_t cookie) {
    return resolve(zone, question, cookie, loop_.now() + Exchange::kTotal);
  }
  // Nobody waits for it any more: no result comes.
  void abandon(Handle exchange) noexcept;
  [[nodiscard]] const ServerPool& pool() const noexcept { return pool_; }
  [[nodiscard]] size_t waiting() const noexcept { return active_.size(); }

 private:
  struct Try {
    uint16_t server = 0;
    bool over_stream = false;
    Handle question;  // over UDP
  };
  struct Active {
    Exchange exchange;
    UpstreamQuestion question;
    uint64_t cookie = 0;
    unsigned timer = 0;  // counts the waits: an older deadline means nothing
    uint16_t current = 0;
    bool expects_reply = false;  // of the current server, which else cannot be called silent
    bool trusts_ad = false;
    Exchange::PerServer<Try> tries;
    Resolution bad;  // the last answer that was no good: passed on when nothing better comes
  };
  struct Deadline {
    MonoTime at;
    Handle exchange;
    unsigned timer;
    bool operator>(const Deadline& other) const noexcept { return at > other.at; }
  };
  struct Server {
    std::shared_ptr<ServerMemory> memory;
    std::unique_ptr<Echo> echo;  // of a server that is asked over UDP for something to repeat
    std::unique_ptr<UdpTransport> udp;
    std::unique_ptr<StreamTransport> stream;
  };

  Forwarder(Loop& loop, const UpstreamSettings& settings, Random& random, ResolutionEvents& events);
  void open_transports(ServerMemories* memories);
  [[nodiscard]] bool is_asked(uint16_t server) const noexcept { return servers_[server].stream != nullptr; }
  [[nodiscard]] bool asks_some(uint16_t zone) const noexcept;
  [[nodiscard]] bool asks(uint16_t zone, const SocketAddress& address) const noexcept;
  bool on_response(const Attempt& attempt, Bytes message) override;
  void on_unreachable(const Attempt& attempt) override;
  void on_closed(const Attempt& attempt) override;
  void on_doubtful(const Attempt& attempt) override;
  void on_time();
  void act(Handle handle, Exchange::Action action);
  [[nodiscard]] bool carry_out(Handle handle, Active& active, Exchange::Action action);
  void fail(Handle handle);
  Sending send(Handle handle, Active& active, const Exchange::Action& action);
  void finish(Handle handle, Resolution& resolution, size_t answered = 0);
  void cancel(Handle handle, const Active& active) noexcept;
  void cancel(const Try& made) noexcept;
  void arm();

  Loop& loop_;
  Random& random_;
  ResolutionEvents& events_;
  ServerPool pool_;
  std::vector<std::unique_ptr<TlsContext>> tls_;  // by server, null for plain ones
  std::vector<Server> servers_;                   // without transports: excluded
  std::vector<std::string> excluded_;
  Slab<Active> active_;
  Resolution judged_;  // the last response; kept for its memory
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
  Timer timer_;
  MonoTime timer_due_{};  // while the timer runs
};

}  // namespace cenote
