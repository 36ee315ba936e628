// A site for tests: answers what it is told to, and remembers what it was asked.
#pragma once

#include <atomic>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "resolver/net/http.h"

namespace cenote::test {

// What came through body sinks, and what became of them.
struct SinkRecord {
  std::string taken;
  size_t pieces = 0;
  size_t room = SIZE_MAX;
  bool is_gone = false;
};

class FakeSink final : public HttpBodySink {
 public:
  explicit FakeSink(SinkRecord& record) : record_(record) {}
  ~FakeSink() override { record_.is_gone = true; }
  FakeSink(const FakeSink&) = delete;
  FakeSink& operator=(const FakeSink&) = delete;
  [[nodiscard]] bool take(Bytes piece) override {
    record_.taken += as_text(piece);
    ++record_.pieces;
    return record_.taken.size() <= record_.room;
  }

 private:
  SinkRecord& record_;
};

class FakeSite final : public HttpSite {
 public:
  size_t body_limit(const HttpRequest& head) const override {
    if (is_out_of_memory) {
      throw std::bad_alloc();
    }
    return head.path == "/large" ? size_t{1} << 30 : limit;
  }
  std::shared_ptr<HttpBodySink> body_sink(const HttpRequest& head) const override {
    return head.path == "/sink" && sink != nullptr ? std::make_shared<FakeSink>(*sink) : nullptr;
  }
  void serve(HttpRequest request, HttpResponder responder) override {
    asked.push_back(request.method + " " + request.path);
    answer(request, std::move(responder));
  }

  std::atomic<bool> is_out_of_memory{false};  // where it looks at a request's head
  size_t limit = 100;
  SinkRecord* sink = nullptr;  // for "/sink"
  std::vector<std::string> asked;
  std::function<void(const HttpRequest&, HttpResponder)> answer = [](const HttpRequest& request,
                                                                     HttpResponder responder) {
    responder.respond(HttpResponse::text(200, request.method + " " + request.path + " " + request.body));
  };
};

}  // namespace cenote::test
