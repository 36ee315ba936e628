// Byte streams over TCP and Unix sockets: listening, accepting, connecting, with TLS or plain. Everything
// lives on its loop's thread and belongs to whoever holds the unique_ptr; that owner may destroy a Stream at
// any time, also inside the Stream's own callbacks. No timeouts here: an owner that wants one destroys the
// stream when it is over.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "resolver/base/address.h"
#include "resolver/base/bytes.h"
#include "resolver/base/clock.h"
#include "resolver/base/result.h"
#include "resolver/net/loop.h"

struct uv_stream_s;

namespace cenote {

class TlsSession;

enum class StreamEnd : uint8_t {
  kPeerClosed,     // in good order
  kConnectFailed,  // an outgoing stream never came to be
  kBroken,         // reset, timed out, or a write failed
  kTlsFailed,      // handshake or record refused, by either side
};

// Called on the loop's thread, never from within a call of Stream's own functions.
class StreamEvents {
 public:
  virtual void on_ready() {}  // an outgoing stream is connected; with TLS: the handshake is done
  virtual void on_bytes(Bytes bytes) = 0;
  // Over TLS, before what came is decrypted: it may be a part of a record. Must not destroy the stream.
  virtual void on_cipher_text() {}
  virtual void on_drained() {}  // what send() had to queue has gone to the kernel
  // The peer sends no more, but may still read (TLS close_notify, FIN). True: there are answers to come, and
  // the owner calls finish() behind the last of them. False: on_closed follows. May come within
  // set_reading().
  virtual bool on_end_of_input() { return false; }
  // The end, once; nothing comes after it. Not called when the owner itself closes. `why` is for logs.
  virtual void on_closed(StreamEnd end, std::string_view why) = 0;

 protected:
  ~StreamEvents() = default;
};

class Stream {
 public:
  // Never null: that connecting fails is said by on_closed, even when the kernel refuses at once.
  static std::unique_ptr<Stream> connect(Loop& loop, const SocketAddress& peer);
  static std::unique_ptr<Stream> connect(Loop& loop, const std::string& unix_path);
  ~Stream();  // drops what is still queued
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Begins to read and to report. Call once, in the loop turn that made the stream; `events` outlives the
  // stream.
  void start(StreamEvents& events);
  void start(StreamEvents& events, std::unique_ptr<TlsSession> tls);

  // From now on TLS, after something that came in clear before it, or after its own first bytes. `received`:
  // the first of its bytes, read already. Out of on_bytes() the callbacks come behind that call, else within
  // this one. REQUIRES: a stream that began plain.
  void secure(std::unique_ptr<TlsSession> tls, Bytes received);

  // Sends, or queues what the kernel does not take now; also before on_ready(). False: more than the limit is
  // queued already, and nothing of this was taken; the peer does not read, so close it. After the end: true,
  // no-op.
  [[nodiscard]] bool send(Bytes bytes);
  void set_send_limit(size_t bytes) noexcept { send_limit_ = bytes; }
  [[nodiscard]] size_t pending_bytes() const noexcept;

  // While off, the peer is slowed down by TCP. What has been read already may still come (at most 64 KiB).
  void set_reading(bool on);

  // Sends what is queued, then says goodbye (TLS close_notify, FIN) and drops what still comes in, so that a
  // last answer is not destroyed by a reset. on_closed follows when the peer closes too, or has done so; set
  // a deadline.
  void finish();
  void close() noexcept;  // at once; no callback follows
  [[nodiscard]] bool is_open() const noexcept { return wire_ != nullptr; }
  // Has the peer reset the connection? Else nobody hears of it after the end of input, until something is
  // sent. Asks the kernel.
  [[nodiscard]] bool is_reset() const noexcept;

  [[nodiscard]] const SocketAddress& peer() const noexcept { return peer_; }    // unset on a Unix socket
  [[nodiscard]] const SocketAddress& local() const noexcept { return local_; }  // set once connected
  [[nodiscard]] bool is_unix() const noexcept { return is_unix_; }
  [[nodiscard]] const TlsSession* tls() const noexcept;  // null when plain or after the end

 private:
  friend class StreamListener;
  struct Wire;  // the libuv side: outlives the Stream until libuv lets go of the handle

  explicit Stream(bool is_unix) noexcept : is_unix_(is_unix) {}
  // Null: the kernel gave none, or it has a descriptor that is kept back.
  static std::unique_ptr<Stream> accept(Loop& loop, uv_stream_s* listener, bool is_unix);

  static constexpr size_t kDefaultSendLimit = 1 << 20;  // sixteen largest DNS messages

  Wire* wire_ = nullptr;
  SocketAddress peer_;
  SocketAddress local_;
  size_t send_limit_ = kDefaultSendLimit;
  bool is_unix_;
};

class StreamListener;

class StreamAcceptor {
 public:
  // The stream waits unread until start(). Dropping it refuses the connection.
  virtual void on_stream(StreamListener& from, std::unique_ptr<Stream> stream) = 0;
  // A connection was refused because all descriptors that clients may take are taken.
  virtual void on_no_descriptor() {}

 protected:
  ~StreamAcceptor() = default;
};

struct ListenOptions {
  bool reuse_port = false;  // several loops listen on one address and the kernel shares connections out
  int backlog = 1024;       // the kernel cuts it to net.core.somaxconn
};

// A listening socket. IPv6 sockets take IPv6 only, so that [::]:53 and 0.0.0.0:53 can both be bound.
class StreamListener {
 public:
  // `acceptor` outlives the listener. Error: "listen on 127.0.0.1:53 (TCP): address already in use".
  static Result<std::unique_ptr<StreamListener>> listen(Loop& loop, const SocketAddress& address,
                                                        StreamAcceptor& acceptor, ListenOptions options = {});
  // A Unix socket with mode 0660. A socket file that nobody listens on any more is replaced; the file is
  // removed with the listener.
  static Result<std::unique_ptr<StreamListener>> listen(Loop& loop, const std::string& unix_path,
                                                        StreamAcceptor& acceptor, ListenOptions options = {});
  ~StreamListener();
  StreamListener(const StreamListener&) = delete;
  StreamListener& operator=(const StreamListener&) = delete;

  [[nodiscard]] const SocketAddress& local() const noexcept {
    return local_;
  }  // the real port, when asked for 0

 private:
  StreamListener(Loop& loop, StreamAcceptor& acceptor)
      : loop_(loop), acceptor_(acceptor), next_turn_(loop, &StreamListener::on_next_turn, this) {}
  static void on_next_turn(void* self) { static_cast<StreamListener*>(self)->accept(); }
  Result<void> open(int descriptor, int backlog);
  void accept();
  void on_connection();

  Loop& loop_;
  StreamAcceptor& acceptor_;
  NextTurn next_turn_;  // accepts the connection that was one too many in its turn
  uint64_t accept_turn_ = UINT64_MAX;
  unsigned accepted_ = 0;  // in that turn
  uv_stream_s* handle_ = nullptr;
  SocketAddress local_;
  std::string unix_path_;
  MonoTime refusal_told_{};  // in the log
};

}  // namespace cenote
