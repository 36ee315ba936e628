// DNS over TCP and over TLS on one address, for one worker (RFC 7766, RFC 7858): any number of questions on a
// connection, answered in whatever order they are ready, also behind the end of what the client has to say
// (its FIN, or close_notify). Bounded in connections, in questions under way and in time.
#pragma once

#include <vector>

#include "resolver/net/client_places.h"
#include "resolver/net/frame.h"
#include "resolver/net/handshake_queue.h"
#include "resolver/net/proxies.h"
#include "resolver/net/stream.h"
#include "resolver/query/pipeline.h"

namespace cenote {

class TlsContext;

struct StreamLimits {
  // Of a service that has its places for itself.
  size_t connections = 2000;
  size_t connections_per_client = 64;
  uint32_t handshakes_per_second = 100;  // of one client: 7 % of a core at most
  // Of one connection; more are neither served nor read until some are answered.
  size_t questions_under_way = 128;
  // Bytes of answers that the client has not read and the kernel does not take: beyond them no more of its
  // questions are served until it has read. One largest answer.
  size_t unread = 64 * 1024;
  // Then it is closed: what was under way when its questions paused has come, too, and it still does not
  // read.
  size_t most_unread = 256 * 1024;
  seconds idle{10};           // RFC 7766 section 6.2.3: a few seconds
  seconds first_question{5};  // until it is whole, PROXY header and TLS handshake included
  // Then it is closed as soon as nothing is under way: certificates and keys change, and places are for all.
  seconds lifetime{std::chrono::hours{1}};
};

class StreamService final : StreamAcceptor, ReplySink {
 public:
  // `tls`: null for plain TCP; outlives the service. `places`: shared with other services, which then are
  // limited together; null: this service has its own, by `limits`.
  static Result<std::unique_ptr<StreamService>> open(Loop& loop, const SocketAddress& address,
                                                     TlsContext* tls, Pipeline& pipeline,
                                                     StreamLimits limits = {}, Proxies proxies = {},
                                                     std::shared_ptr<ClientPlaces> places = nullptr);
  ~StreamService();

  // Of connections that are there, and of those to come.
  void set_times(seconds first_question, seconds idle) noexcept;
  void stop();  // accepts no more and closes all
  // Has any connection a question under way, or an answer that it has not read?
  [[nodiscard]] bool is_busy();
  [[nodiscard]] const SocketAddress& local() const noexcept { return listener_->local(); }
  [[nodiscard]] size_t connections() const noexcept { return connections_.size(); }
  [[nodiscard]] uint64_t refused() const noexcept { return refused_.value(); }

 private:
  class Connection;
  StreamService(Loop& loop, TlsContext* tls, Pipeline& pipeline, StreamLimits limits, Proxies proxies,
                std::shared_ptr<ClientPlaces> places);
  void on_stream(StreamListener& from, std::unique_ptr<Stream> stream) override;
  void on_no_descriptor() override { refused_.add(); }
  void reply(const ReplyPath& path, Bytes message) noexcept override;
  void drop(Handle handle);
  void resume_soon(Handle handle);
  void close_overdue();
  void watch_half_closed();
  void look_at_half_closed();

  Loop& loop_;
  TlsContext* tls_;
  Pipeline& pipeline_;
  StreamLimits limits_;
  Proxies proxies_;
  std::unique_ptr<StreamListener> listener_;
  std::shared_ptr<ClientPlaces> places_;
  HandshakeQueue handshakes_;
  Slab<std::unique_ptr<Connection>> connections_;
  // The question in hand and the answer to it, with two bytes in front for the frame's length.
  std::array<uint8_t, kFrameHeaderSize + kMaxMessageBytes> buffer_;
  std::vector<uint8_t> answers_;  // of the connection that is being served
  Timer sweep_;
  Timer half_closed_look_;  // while there are any
  Counter refused_;
};

}  // namespace cenote
