// What changes have in common: values out of a JSON body, and the answer that comes from the updater. Web
// thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "resolver/control/call.h"
#include "resolver/control/json_body.h"

namespace cenote {

// Later, from the updater: what the change did.
ControlBackend::Done answer_with_result(const ControlCallRef& call);

// The request's body as a flat JSON object; nullopt: it is none, and that was answered.
std::optional<BodyObject> read_object(const ControlCallRef& call);

// Takes typed values out of an object, so that what is left over was not meant for us. After the first
// mistake everything reads as absent and finish() is false; the mistake was answered.
class Fields {
 public:
  Fields(const ControlCallRef& call, BodyObject body) : call_(call), body_(std::move(body)) {}

  std::string text(const char* key, size_t most = 500);
  bool flag(const char* key);
  std::vector<std::string> texts(const char* key);
  // "until", a point in time to come, or "for", a duration from now.
  std::optional<WallTime> end();
  void require(const std::string& value, const char* key);
  // Whether all went well and nothing is left that nobody asked for.
  bool finish();

 private:
  BodyValue take(const char* key);
  void fail(std::string message);

  const ControlCallRef& call_;
  BodyObject body_;
  bool ok_ = true;
};

}  // namespace cenote
