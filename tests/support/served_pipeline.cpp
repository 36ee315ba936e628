#include "tests/support/served_pipeline.h"

#include <future>
#include <stdexcept>

namespace cenote::test {

ServedPipeline::ServedPipeline(ScriptedUpstream::Script script, bool trust_ad)
    : upstream(std::move(script)),
      policy_(PolicySettings{}),
      cache_(CacheSettings{.bytes = 1 << 20}),
      ring_(256 * 1024),
      blocked_(policy_.settings(), ""),
      pipeline_(loop_, {policy_, cache_, ring_, blocked_, 1, {}}) {
  UpstreamServer server;
  server.address = upstream.address();
  UpstreamZone root;
  root.servers.push_back(server);
  root.trust_ad = trust_ad;
  forwarder_ = Forwarder::make(loop_, {{root}}, random_, pipeline_.resolution_events());
  pipeline_.connect(*forwarder_);
  thread_ = std::thread([this] { loop_.run(); });
}

ServedPipeline::~ServedPipeline() {
  loop_.stop();
  thread_.join();
}

void ServedPipeline::on_loop(const std::function<void()>& job) {
  std::promise<void> done;
  loop_.post([&] {
    job();
    done.set_value();
  });
  done.get_future().wait();
}

size_t ServedPipeline::waiting() {
  size_t count = 0;
  on_loop([&] { count = pipeline_.waiting(); });
  return count;
}

bool ServedPipeline::becomes(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + seconds{5};
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(milliseconds{5});
  }
  return false;
}

}  // namespace cenote::test
