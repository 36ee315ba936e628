// What the JSON formats share: the document is held whole, parsed strictly by simdjson (DOM, because its
// on-demand way does not validate what nobody reads) and refused as a whole when it is broken.
#pragma once

#include <string>

#include <simdjson.h>

#include "ioc/formats/format.h"

namespace cenote {

using JsonValue = simdjson::dom::element;
using JsonObject = simdjson::dom::object;
using JsonArray = simdjson::dom::array;

class JsonFormat : public Stage {
 public:
  explicit JsonFormat(Intake& intake) : intake_(intake) {}
  Result<void> feed(std::string_view bytes) final;
  Result<void> finish() final;

 protected:
  // `root` and its texts live until it returns. Objects are counted in intake_.line.
  virtual Result<void> read(JsonValue root) = 0;
  Intake& intake_;

 private:
  std::string document_;
};

// A member's text; empty when it is absent or of another type.
std::string_view text_of(JsonObject object, std::string_view key);
// true, 1, "1" and "true": what tools write for yes.
bool flag_of(JsonObject object, std::string_view key);
std::optional<WallTime> time_of(JsonObject object, std::string_view key);
std::optional<int64_t> number_of(JsonObject object, std::string_view key);
// The member, when it is an array or an object; nullopt otherwise.
std::optional<JsonArray> array_of(JsonObject object, std::string_view key);
std::optional<JsonObject> object_of(JsonObject object, std::string_view key);
std::optional<JsonObject> as_object(JsonValue value);
std::optional<JsonArray> as_array(JsonValue value);

}  // namespace cenote
