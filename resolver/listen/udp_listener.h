// DNS over UDP on one address, for one worker: hands each datagram to the pipeline and sends what it answers.
#pragma once

#include "resolver/net/proxies.h"
#include "resolver/query/pipeline.h"

namespace cenote {

class UdpListener final : UdpServer::Handler, ReplySink {
 public:
  static Result<std::unique_ptr<UdpListener>> open(Loop& loop, const SocketAddress& address,
                                                   Pipeline& pipeline, Proxies proxies = {});

  void start() { server_->start(); }
  // Receives no more, but serves what has arrived: those clients were promised an answer.
  void stop() {
    server_->stop();
    server_->drain();
  }
  [[nodiscard]] const SocketAddress& local() const noexcept { return server_->local(); }
  [[nodiscard]] const UdpServer::Counters& counters() const noexcept { return server_->counters(); }

 private:
  UdpListener(Pipeline& pipeline, Proxies proxies) : pipeline_(pipeline), proxies_(std::move(proxies)) {}
  size_t on_datagram(const UdpPeer& peer, MutableBytes buffer, size_t size) noexcept override;
  void reply(const ReplyPath& path, Bytes message) noexcept override;
  std::optional<size_t> take_header(ReplyPath& path, MutableBytes buffer, size_t size) noexcept;

  Pipeline& pipeline_;
  Proxies proxies_;
  std::unique_ptr<UdpServer> server_;
};

}  // namespace cenote
