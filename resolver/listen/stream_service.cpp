#include "resolver/listen/stream_service.h"

#include "resolver/net/tls.h"

namespace cenote {
namespace {

constexpr size_t kMostTogether = 8192;  // with one answer more still mostly one TLS record

}  // namespace

class StreamService::Connection final : public StreamEvents, PlaceTenant, HandshakeQueue::Waiter {
 public:
  // `opening`: what its first bytes must be.
  enum class Opening : uint8_t {
    kMessages,  // anything
    kNoHeader,  // no PROXY header: its sender is not listed
    kHeader,    // one, before TLS: until it is there nobody knows the client
    kHello,     // of TLS; a connection without costs no session
    kQueued,    // it has come, and its handshake waits
  };
  Connection(StreamService& service, std::unique_ptr<Stream> stream, Place place, Opening opening)
      : service_(service),
        stream_(std::move(stream)),
        place_(std::move(place)),
        opened_(service.loop_.now()),
        since_(opened_),
        opening_(opening) {
    stream_->set_send_limit(service.limits_.most_unread);
    path_.sink = &service;
    path_.transport = service.tls_ != nullptr ? Transport::kDot : Transport::kTcp;
    path_.peer.client = stream_->peer();
    place_.set_tenant(*this);
  }
  ~Connection() {
    if (opening_ == Opening::kQueued) {
      service_.handshakes_.forget(*this);
    }
    if (under_way_ != 0) {
      service_.pipeline_.abandon(path_, std::move(promises_));
    }
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start(Handle self) {
    path_.connection = self;
    stream_->start(*this);
  }

  void on_bytes(Bytes bytes) override {
    if (is_leaving_) {
      return;
    }
    if (paused_ || opening_ == Opening::kQueued) {
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
    since_ = service_.loop_.now();
    end_pause();
  }

  // The client asks nothing more, and still gets what it has asked for (RFC 7766 section 6.2.3). Whether it
  // waits, or has gone without a word, nobody can tell: at a limit it makes room as if it were idle.
  bool on_end_of_input() override {
    if (!is_busy()) {
      return false;
    }
    leave();
    place_.note_idle(service_.loop_.now(), true);
    service_.watch_half_closed();
    return true;
  }

  void on_closed(StreamEnd /*end*/, std::string_view /*why*/) override { service_.drop(path_.connection); }

  // An answer that had to wait; empty: none comes. False: the client does not read, or has gone.
  bool answer_later(MutableBytes framed) {
    if (--under_way_ == 0) {
      promises_.clear();
    }
    since_ = service_.loop_.now();
    const bool goes_on = framed.empty() || stream_->send(framed);
    if (is_leaving_) {
      finish_behind_answers();
    } else {
      note_use();
      end_pause();
    }
    return goes_on;
  }

  [[nodiscard]] bool is_over(MonoTime now) const noexcept {
    const MonoTime deadline =
        has_asked_ ? since_ + service_.limits_.idle : opened_ + service_.limits_.first_question;
    return under_way_ == 0 && now >= std::min(deadline, opened_ + service_.limits_.lifetime);
  }
  [[nodiscard]] bool is_busy() const noexcept { return under_way_ != 0 || stream_->pending_bytes() != 0; }
  // It has said all it had to say, and may have gone since.
  [[nodiscard]] bool is_leaving() const noexcept { return is_leaving_; }
  [[nodiscard]] bool is_gone() const noexcept { return is_leaving_ && stream_->is_reset(); }
  void say_goodbye() { stream_->finish(); }

 private:
  [[nodiscard]] const SocketAddress& client() const noexcept { return path_.client(); }
  [[nodiscard]] const IpAddress& handshake_client() const override { return counted_as_; }

  void on_displaced() override {
    if (under_way_ == 0 || is_leaving_) {
      service_.drop(path_.connection);
    } else {
      leave();
    }
  }

  // Nothing more is read; what is under way is answered, and then the connection ends.
  void leave() {
    is_leaving_ = true;
    kept_ = {};
    finish_behind_answers();
  }
  void finish_behind_answers() {
    if (under_way_ == 0) {
      stream_->finish();
    }
  }

  void note_use() noexcept {
    if (under_way_ != 0) {
      place_.note_busy();
    } else {
      place_.note_idle(service_.loop_.now(), true);
    }
  }

  // May end with this object gone.
  void on_first_bytes(Bytes bytes) {
    switch (opening_) {
      case Opening::kHeader:
        take_header(bytes);
        return;
      case Opening::kHello:
        take_hello(bytes);
        return;
      default:
        break;
    }
    if (has_proxy_signature(bytes)) {
      refuse();
      return;
    }
    opening_ = Opening::kMessages;
    on_bytes(bytes);
  }

  void take_header(Bytes bytes) {
    const ProxyStatus status = beginning_.take(bytes);
    if (status == ProxyStatus::kIncomplete) {
      return;  // The deadline of a first question holds.
    }
    if (status == ProxyStatus::kMalformed) {
      refuse();
      return;
    }
    if (!beginning_.header().is_local) {
      path_.behind_proxy = beginning_.header().client;
    }
    if (!place_.name_client(client().address(), service_.loop_.now())) {
      service_.refused_.add();
      service_.drop(path_.connection);
      return;
    }
    const ProxyOpening beginning = std::exchange(beginning_, {});
    opening_ = service_.tls_ != nullptr ? Opening::kHello : Opening::kMessages;
    if (!beginning.rest().empty()) {
      on_bytes(beginning.rest());
    }
  }

  void refuse() {
    service_.pipeline_.count_bad_proxy();
    service_.drop(path_.connection);
  }

  void take_hello(Bytes bytes) {
    counted_as_ = client().address();
    if (service_.handshakes_.begin(*this)) {
      opening_ = Opening::kMessages;
      stream_->secure(service_.tls_->accept(stream_->local(), client()), bytes);
      return;
    }
    opening_ = Opening::kQueued;
    place_.note_idle(opened_, true);  // it has done its part
    keep(bytes);
    stream_->set_reading(false);
  }

  void on_handshake_turn() override {
    opening_ = Opening::kMessages;
    const std::vector<uint8_t> hello = std::exchange(kept_, {});
    stream_->set_reading(true);
    stream_->secure(service_.tls_->accept(stream_->local(), client()), hello);
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
      note_use();
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
    since_ = service_.loop_.now();
    has_asked_ = true;
    path_.keepalive = static_cast<uint16_t>(std::max<int64_t>(1, service_.limits_.idle.count() * 10));
    const MutableBytes body = MutableBytes(service_.buffer_).subspan(kFrameHeaderSize);
    std::copy(message.begin(), message.end(), body.begin());
    const uint64_t promised_before = service_.pipeline_.promised();
    const size_t size = service_.pipeline_.on_message(path_, body, message.size());
    if (size == 0) {
      if (service_.pipeline_.promised() != promised_before) {
        note_promise();
      }
      return;
    }
    ByteWriter header(service_.buffer_);
    write_frame_header(header, size);
    answers.insert(answers.end(), service_.buffer_.begin(),
                   service_.buffer_.begin() + static_cast<ptrdiff_t>(kFrameHeaderSize + size));
  }

  void note_promise() {
    if (promises_.size() >= 2 * service_.limits_.questions_under_way) {
      std::erase_if(promises_, [&](uint64_t promise) { return !service_.pipeline_.is_waiting(promise); });
    }
    promises_.push_back(service_.pipeline_.last_promise());
    if (++under_way_ >= service_.limits_.questions_under_way) {
      pause();
    }
  }

  StreamService& service_;
  std::unique_ptr<Stream> stream_;
  Place place_;
  FrameReader frames_;
  ReplyPath path_;
  const MonoTime opened_;
  MonoTime since_;  // the last question or answer
  bool has_asked_ = false;
  size_t under_way_ = 0;
  std::vector<uint64_t> promises_;  // of the pipeline; some may have been kept
  Opening opening_;
  bool paused_ = false;
  bool is_leaving_ = false;
  IpAddress counted_as_;       // whose handshake it is
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
                     : ClientPlaces::make(ClientPlaces::Limits{
                           limits.connections_per_client, limits.handshakes_per_second, limits.connections})),
      handshakes_(loop, *places_),
      sweep_(loop, [this] { close_overdue(); }),
      half_closed_look_(loop, [this] { look_at_half_closed(); }) {}

StreamService::~StreamService() = default;

void StreamService::set_times(seconds first_question, seconds idle) noexcept {
  limits_.first_question = first_question;
  limits_.idle = idle;
}

void StreamService::on_stream(StreamListener& /*from*/, std::unique_ptr<Stream> stream) {
  using Opening = Connection::Opening;
  if (stream->peer().port() == 0) {
    return;  // It was reset before it was accepted, and nobody knows whose it was.
  }
  const IpAddress sender = stream->peer().address();
  const bool is_proxy = proxies_.include(sender);  // A proxy's client is counted when it is known.
  Place place =
      is_proxy ? places_->take_unnamed(loop_, loop_.now()) : places_->take(sender, loop_, loop_.now());
  if (!place.is_taken()) {
    refused_.add();
    return;  // Dropping the stream closes it.
  }
  const Opening opening = is_proxy           ? Opening::kHeader
                          : tls_ != nullptr  ? Opening::kHello
                          : proxies_.exist() ? Opening::kNoHeader
                                             : Opening::kMessages;
  const Handle handle =
      connections_.insert(std::make_unique<Connection>(*this, std::move(stream), std::move(place), opening));
  (*connections_.find(handle))->start(handle);
}

void StreamService::drop(Handle handle) {
  connections_.erase(handle);
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

void StreamService::close_overdue() {
  std::vector<Handle> over;
  connections_.for_each([&](Handle handle, const std::unique_ptr<Connection>& connection) {
    if (connection->is_over(loop_.now())) {
      over.push_back(handle);
    }
  });
  for (const Handle handle : over) {
    drop(handle);
  }
}

void StreamService::watch_half_closed() {
  constexpr milliseconds kBetweenLooks{100};
  if (!half_closed_look_.is_active()) {
    half_closed_look_.start(kBetweenLooks, kBetweenLooks);
  }
}

// The kernel tells nobody who does not read that a client has gone.
void StreamService::look_at_half_closed() {
  std::vector<Handle> gone;
  bool are_there = false;
  connections_.for_each([&](Handle handle, const std::unique_ptr<Connection>& connection) {
    are_there = are_there || connection->is_leaving();
    if (connection->is_gone()) {
      gone.push_back(handle);
    }
  });
  for (const Handle handle : gone) {
    drop(handle);
  }
  if (!are_there) {
    half_closed_look_.stop();
  }
}

bool StreamService::is_busy() {
  bool is_busy = false;
  connections_.for_each([&](Handle, const std::unique_ptr<Connection>& connection) {
    is_busy = is_busy || connection->is_busy();
  });
  return is_busy;
}

void StreamService::stop() {
  listener_.reset();
  std::vector<Handle> all;
  connections_.for_each([&](Handle handle, const std::unique_ptr<Connection>& connection) {
    connection->say_goodbye();
    all.push_back(handle);
  });
  for (const Handle handle : all) {
    drop(handle);
  }
}

}  // namespace cenote
