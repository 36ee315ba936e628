#include "resolver/listen/stream_service.h"

#include "resolver/net/tls.h"

namespace cenote {
namespace {

constexpr size_t kMostTogether = 8192;  // with one answer more still mostly one TLS record

}  // namespace

class StreamService::Connection final : public StreamEvents {
 public:
  // `opening`: what its first bytes must be.
  enum class Opening : uint8_t {
    kMessages,  // anything
    kNoHeader,  // no PROXY header: its sender is not listed
    kHeader,    // one, before TLS: until it is there nobody knows the client
  };
  Connection(StreamService& service, std::unique_ptr<Stream> stream, MonoTime now, Opening opening)
      : service_(service),
        stream_(std::move(stream)),
        deadline_(now + service.limits_.handshake),
        end_(now + service.limits_.lifetime),
        opening_(opening) {
    stream_->set_send_limit(service.limits_.most_unread);
    path_.sink = &service;
    path_.transport = service.tls_ != nullptr ? Transport::kDot : Transport::kTcp;
    path_.peer.client = stream_->peer();
    path_.keepalive = static_cast<uint16_t>(std::max<int64_t>(1, service.limits_.idle.count() * 10));
  }

  void start(Handle self) {
    path_.connection = self;
    const bool begins_with_tls = service_.tls_ != nullptr && opening_ != Opening::kHeader;
    stream_->start(*this, begins_with_tls ? service_.tls_->accept(stream_->local(), client()) : nullptr);
  }

  void on_bytes(Bytes bytes) override {
    if (paused_) {
      keep(bytes);  // read before the pause; the stream stops there
      return;
    }
    if (opening_ != Opening::kMessages) {
      on_first_bytes(bytes);
      return;
    }
    frames_.feed(bytes);
    serve_frames();
  }

  // Goes on with what a pause kept back.
  void resume() {
    if (paused_) {
      return;  // again, meanwhile
    }
    const std::vector<uint8_t> kept = std::exchange(kept_, {});
    frames_.feed(kept);
    if (serve_frames() && !paused_) {
      stream_->set_reading(true);
    }
  }

  void on_ready() override {  // TLS
    path_.has_certificate = stream_->tls()->has_client_certificate();
    path_.client_name = client_name_of(stream_->tls()->client_name());
  }

  void on_drained() override {
    deadline_ = service_.loop_.now() + service_.limits_.idle;
    end_pause();
  }

  void on_closed(StreamEnd /*end*/, std::string_view /*why*/) override { service_.drop(path_.connection); }

  // An answer that had to wait; empty: none comes. False: the client does not read, or has gone.
  bool answer_later(MutableBytes framed) {
    --under_way_;
    deadline_ = service_.loop_.now() + service_.limits_.idle;
    const bool goes_on = framed.empty() || stream_->send(framed);
    end_pause();
    return goes_on;
  }

  [[nodiscard]] bool is_over(MonoTime now) const noexcept {
    return under_way_ == 0 && now >= std::min(deadline_, end_);
  }
  [[nodiscard]] MonoTime deadline() const noexcept { return deadline_; }
  [[nodiscard]] bool is_idle() const noexcept { return under_way_ == 0; }
  [[nodiscard]] const SocketAddress& client() const noexcept { return path_.client(); }
  [[nodiscard]] bool is_counted() const noexcept { return opening_ != Opening::kHeader; }

 private:
  // May end with this object gone.
  void on_first_bytes(Bytes bytes) {
    if (opening_ == Opening::kNoHeader && !has_proxy_signature(bytes)) {
      opening_ = Opening::kMessages;
      on_bytes(bytes);
      return;
    }
    const ProxyStatus status =
        opening_ == Opening::kHeader ? beginning_.take(bytes) : ProxyStatus::kMalformed;
    if (status == ProxyStatus::kIncomplete) {
      return;  // The deadline of a first question holds.
    }
    if (status == ProxyStatus::kMalformed) {
      service_.pipeline_.count_bad_proxy();
      service_.drop(path_.connection);
      return;
    }
    if (!beginning_.header().is_local) {
      path_.behind_proxy = beginning_.header().client;
    }
    if (!service_.admit(client().address())) {
      service_.drop(path_.connection);
      return;
    }
    opening_ = Opening::kMessages;
    const ProxyOpening beginning = std::exchange(beginning_, {});
    if (service_.tls_ != nullptr) {
      stream_->secure(service_.tls_->accept(stream_->local(), client()), beginning.rest());
      return;
    }
    frames_.feed(beginning.rest());
    serve_frames();
  }

  // The answers to what came together leave together: one call of the kernel, and one TLS record. False: the
  // connection has been dropped, and this object with it.
  bool serve_frames() {
    std::vector<uint8_t>& answers = service_.answers_;
    answers.clear();
    bool goes_on = true;
    while (goes_on && !paused_) {
      const auto message = frames_.next();
      if (!message) {
        break;
      }
      // What has no header is no DNS, and costs its sender two bytes: it ends the connection.
      goes_on = message->size() >= kHeaderBytes;
      serve(*message, answers);
      if (answers.size() >= kMostTogether) {
        goes_on = send(answers) && goes_on;  // false: the client does not read
      }
    }
    if ((!answers.empty() && !send(answers)) || !goes_on) {
      service_.drop(path_.connection);
      return false;
    }
    if (paused_) {
      keep(frames_.take_rest());
    }
    return true;
  }

  bool send(std::vector<uint8_t>& answers) {
    const bool goes_on = stream_->send(answers);
    answers.clear();
    if (stream_->pending_bytes() > service_.limits_.unread) {
      pause();
    }
    return goes_on;
  }

  void pause() {
    paused_ = true;
    stream_->set_reading(false);
  }

  // Once few enough are under way and unread. Not in here: the pipeline may be in the middle of its answers.
  void end_pause() {
    if (paused_ && under_way_ < service_.limits_.questions_under_way &&
        stream_->pending_bytes() <= service_.limits_.unread) {
      paused_ = false;
      service_.resume_soon(path_.connection);
    }
  }

  void keep(Bytes bytes) { kept_.insert(kept_.end(), bytes.begin(), bytes.end()); }

  void serve(Bytes message, std::vector<uint8_t>& answers) {
    deadline_ = service_.loop_.now() + service_.limits_.idle;
    const MutableBytes body = MutableBytes(service_.buffer_).subspan(kFrameHeaderSize);
    std::copy(message.begin(), message.end(), body.begin());
    const uint64_t promised_before = service_.pipeline_.promised();
    const size_t size = service_.pipeline_.on_message(path_, body, message.size());
    if (size == 0) {
      if (service_.pipeline_.promised() != promised_before &&
          ++under_way_ >= service_.limits_.questions_under_way) {
        pause();
      }
      return;
    }
    ByteWriter header(service_.buffer_);
    write_frame_header(header, size);
    answers.insert(answers.end(), service_.buffer_.begin(),
                   service_.buffer_.begin() + static_cast<ptrdiff_t>(kFrameHeaderSize + size));
  }

  StreamService& service_;
  std::unique_ptr<Stream> stream_;
  FrameReader frames_;
  ReplyPath path_;
  MonoTime deadline_;
  const MonoTime end_;
  size_t under_way_ = 0;
  Opening opening_;
  bool paused_ = false;
  std::vector<uint8_t> kept_;  // at most what one read of the stream gives
  ProxyOpening beginning_;
};

Result<std::unique_ptr<StreamService>> StreamService::open(Loop& loop, const SocketAddress& address,
                                                           TlsContext* tls, Pipeline& pipeline,
                                                           StreamLimits limits, Proxies proxies,
                                                           std::shared_ptr<ClientPlaces> places) {
  std::unique_ptr<StreamService> service(
      new StreamService(loop, tls, pipeline, limits, std::move(proxies), std::move(places)));
  auto listener = StreamListener::listen(loop, address, *service, {.reuse_port = true});
  if (!listener) {
    return listener.error();
  }
  service->listener_ = std::move(*listener);
  service->sweep_.start(seconds{1}, seconds{1});
  return service;
}

StreamService::StreamService(Loop& loop, TlsContext* tls, Pipeline& pipeline, StreamLimits limits,
                             Proxies proxies, std::shared_ptr<ClientPlaces> places)
    : loop_(loop),
      tls_(tls),
      pipeline_(pipeline),
      limits_(limits),
      proxies_(std::move(proxies)),
      places_(places ? std::move(places)
                     : std::make_shared<ClientPlaces>(ClientPlaces::Limits{limits.connections_per_client,
                                                                           limits.handshakes_per_second})),
      sweep_(loop, [this] { close_idle(); }) {}

StreamService::~StreamService() = default;

// One more connection of that client; false: it has as many as it may have, or comes too fast.
bool StreamService::admit(const IpAddress& client) {
  const bool may = places_->take(client, tls_ != nullptr, loop_.now());
  refused_.add(may ? 0 : 1);
  return may;
}

void StreamService::on_stream(StreamListener& /*from*/, std::unique_ptr<Stream> stream) {
  using Opening = Connection::Opening;
  if (connections_.size() >= limits_.connections && !evict_idle()) {
    refused_.add();
    return;  // Dropping the stream closes it.
  }
  const IpAddress sender = stream->peer().address();
  const Opening opening = proxies_.include(sender)              ? Opening::kHeader
                          : proxies_.exist() && tls_ == nullptr ? Opening::kNoHeader
                                                                : Opening::kMessages;
  if (opening != Opening::kHeader && !admit(sender)) {  // A proxy's client is counted when it is known.
    return;
  }
  const Handle handle =
      connections_.insert(std::make_unique<Connection>(*this, std::move(stream), loop_.now(), opening));
  (*connections_.find(handle))->start(handle);
}

void StreamService::drop(Handle handle) {
  std::unique_ptr<Connection>* connection = connections_.find(handle);
  if (connection == nullptr) {
    return;
  }
  if ((*connection)->is_counted()) {
    places_->leave((*connection)->client().address());
  }
  connections_.erase(handle);
}

// When all places are taken, the connection that has been idle longest makes room.
bool StreamService::evict_idle() {
  Handle longest;
  MonoTime soonest = MonoTime::max();
  connections_.for_each([&](Handle handle, const std::unique_ptr<Connection>& connection) {
    if (connection->is_idle() && connection->deadline() < soonest) {
      soonest = connection->deadline();
      longest = handle;
    }
  });
  drop(longest);
  return soonest != MonoTime::max();
}

void StreamService::reply(const ReplyPath& path, Bytes message) noexcept {
  std::unique_ptr<Connection>* connection = connections_.find(path.connection);
  if (connection == nullptr) {
    return;  // The client went away meanwhile.
  }
  ByteWriter frame(buffer_);
  if (!message.empty()) {
    write_frame_header(frame, message.size());
    frame.bytes(message);
  }
  if (!(*connection)->answer_later(MutableBytes(buffer_).first(frame.size()))) {
    drop(path.connection);
  }
}

void StreamService::resume_soon(Handle handle) {
  loop_.post([this, handle] {
    if (std::unique_ptr<Connection>* connection = connections_.find(handle)) {
      (*connection)->resume();
    }
  });
}

void StreamService::close_idle() {
  std::vector<Handle> over;
  connections_.for_each([&](Handle handle, const std::unique_ptr<Connection>& connection) {
    if (connection->is_over(loop_.now()) || (stopping_ && connection->is_idle())) {
      over.push_back(handle);
    }
  });
  for (const Handle handle : over) {
    drop(handle);
  }
}

void StreamService::stop() {
  stopping_ = true;
  listener_.reset();
  close_idle();
  sweep_.start(milliseconds{20}, milliseconds{20});
}

}  // namespace cenote
