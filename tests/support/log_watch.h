// What the log says at level error while a test goes on.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <spdlog/sinks/base_sink.h>

#include "resolver/base/log.h"

namespace cenote::test {

class LogWatch {
 public:
  LogWatch() { log::default_logger()->sinks().push_back(sink_); }
  ~LogWatch() { std::erase(log::default_logger()->sinks(), sink_); }
  LogWatch(const LogWatch&) = delete;
  LogWatch& operator=(const LogWatch&) = delete;

  [[nodiscard]] std::string errors() const { return sink_->said(); }

 private:
  class Sink final : public spdlog::sinks::base_sink<std::mutex> {
   public:
    Sink() { set_level(spdlog::level::err); }
    std::string said() {
      const std::lock_guard lock(mutex_);
      return said_;
    }

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      said_ += std::string(message.payload.data(), message.payload.size()) + "\n";
    }
    void flush_() override {}
    std::string said_;
  };
  std::shared_ptr<Sink> sink_ = std::make_shared<Sink>();
};

}  // namespace cenote::test
