// A site for tests: answers what it is told to, and remembers what it was asked.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "resolver/net/http.h"

namespace cenote::test {

class FakeSite final : public HttpSite {
 public:
  size_t body_limit(const HttpRequest& head) const override {
    return head.path == "/large" ? size_t{1} << 30 : limit;
  }
  void serve(HttpRequest request, HttpResponder responder) override {
    asked.push_back(request.method + " " + request.path);
    answer(request, std::move(responder));
  }

  size_t limit = 100;
  std::vector<std::string> asked;
  std::function<void(const HttpRequest&, HttpResponder)> answer = [](const HttpRequest& request,
                                                                     HttpResponder responder) {
    responder.respond(HttpResponse::text(200, request.method + " " + request.path + " " + request.body));
  };
};

}  // namespace cenote::test
