// What a listener stands on: a real pipeline, cache and forwarder on a loop of their own thread, and an
// upstream that the test scripts. Nothing is listed.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "resolver/query/pipeline.h"
#include "tests/support/sockets.h"

namespace cenote::test {

class ServedPipeline {
 public:
  explicit ServedPipeline(ScriptedUpstream::Script script = {}, bool trust_ad = false);
  ~ServedPipeline();
  ServedPipeline(const ServedPipeline&) = delete;
  ServedPipeline& operator=(const ServedPipeline&) = delete;

  // Runs on the loop's thread; returns when it is done.
  void on_loop(const std::function<void()>& job);
  [[nodiscard]] Loop& loop() { return loop_; }
  [[nodiscard]] Pipeline& pipeline() { return pipeline_; }
  [[nodiscard]] Policy& policy() { return policy_; }
  // How many queries wait for the upstream.
  size_t waiting();
  // Waits for at most five seconds.
  bool becomes(const std::function<bool()>& condition);

  ScriptedUpstream upstream;

 private:
  Loop loop_;
  Random random_;
  Policy policy_;
  AnswerCache cache_;
  EventRing ring_;
  BlockedAnswer blocked_;
  Pipeline pipeline_;
  std::unique_ptr<Forwarder> forwarder_;
  std::thread thread_;
};

}  // namespace cenote::test
