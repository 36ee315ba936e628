#include "ioc/formats/json_document.h"

#include <algorithm>
#include <vector>

#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr size_t kMaxDepth = 64;

Result<void> twice(std::string_view key) {
  return fail("json_duplicate_key: \"{}\" stands twice in one object", printable(key, 64));
}

// Two readers may see two different values behind one key (RFC 8259 section 4): no such document is trusted.
Result<void> check_keys(JsonObject object) {
  constexpr size_t kFew = 16;
  if (object.size() <= kFew) {  // nearly all: no list of them is sorted
    for (auto member = object.begin(); member != object.end(); ++member) {
      for (auto other = object.begin(); other != member; ++other) {
        if (other.key_length() == member.key_length() && other.key() == member.key()) {
          return twice(member.key());
        }
      }
    }
    return {};
  }
  std::vector<std::string_view> keys;
  keys.reserve(object.size());
  for (const auto member : object) {
    keys.push_back(member.key);
  }
  std::sort(keys.begin(), keys.end());
  const auto same = std::adjacent_find(keys.begin(), keys.end());
  return same == keys.end() ? Result<void>{} : twice(*same);
}

Result<void> check(JsonValue value, size_t depth) {
  const auto object = as_object(value);
  const auto array = as_array(value);
  if ((object || array) && depth == 0) {
    return fail("json_depth: nested deeper than {}", kMaxDepth);
  }
  if (object) {
    if (auto ok = check_keys(*object); !ok) {
      return ok;
    }
    for (const auto member : *object) {
      if (auto ok = check(member.value, depth - 1); !ok) {
        return ok;
      }
    }
  } else if (array) {
    for (const JsonValue element : *array) {
      if (auto ok = check(element, depth - 1); !ok) {
        return ok;
      }
    }
  }
  return {};
}

}  // namespace

Result<void> JsonFormat::feed(std::string_view bytes) {
  if (document_.size() + bytes.size() > intake_.options().max_document) {
    return fail("json: longer than {} bytes", intake_.options().max_document);
  }
  document_ += bytes;
  return {};
}

Result<void> JsonFormat::finish() {
  const size_t size = document_.size();
  document_.reserve(size + simdjson::SIMDJSON_PADDING);
  simdjson::dom::parser parser;
  // Allocated by hand for the depth: a deeper document must be told from a broken one.
  if (parser.allocate(size, kMaxDepth + 1) != simdjson::SUCCESS) {
    return fail("json: out of memory for {} bytes", size);
  }
  JsonValue root;
  const simdjson::error_code error = parser.parse(document_.data(), size, false).get(root);
  if (error == simdjson::DEPTH_ERROR) {
    return fail("json_depth: nested deeper than {}", kMaxDepth);
  }
  if (error != simdjson::SUCCESS) {
    return fail("json_syntax: {}", simdjson::error_message(error));
  }
  // Values and their texts are in the parser's own document now.
  document_.clear();
  document_.shrink_to_fit();
  const simdjson::dom::document parsed = std::move(parser.doc);
  parser = simdjson::dom::parser();
  root = parsed.root();
  if (auto ok = check(root, kMaxDepth); !ok) {
    return ok;
  }
  return read(root);
}

std::optional<JsonObject> as_object(JsonValue value) {
  JsonObject object;
  return value.get(object) == simdjson::SUCCESS ? std::optional(object) : std::nullopt;
}

std::optional<JsonArray> as_array(JsonValue value) {
  JsonArray array;
  return value.get(array) == simdjson::SUCCESS ? std::optional(array) : std::nullopt;
}

std::string_view text_of(JsonObject object, std::string_view key) {
  std::string_view text;
  return object.at_key(key).get(text) == simdjson::SUCCESS ? text : std::string_view();
}

bool flag_of(JsonObject object, std::string_view key) {
  JsonValue value;
  if (object.at_key(key).get(value) != simdjson::SUCCESS) {
    return false;
  }
  bool flag = false;
  int64_t number = 0;
  std::string_view text;
  return (value.get(flag) == simdjson::SUCCESS && flag) ||
         (value.get(number) == simdjson::SUCCESS && number == 1) ||
         (value.get(text) == simdjson::SUCCESS && (text == "1" || text == "true"));
}

std::optional<int64_t> number_of(JsonObject object, std::string_view key) {
  int64_t number = 0;
  return object.at_key(key).get(number) == simdjson::SUCCESS ? std::optional(number) : std::nullopt;
}

std::optional<WallTime> time_of(JsonObject object, std::string_view key) {
  WallTime time;
  return parse_wall_time(text_of(object, key), time) ? std::optional(time) : std::nullopt;
}

std::optional<JsonArray> array_of(JsonObject object, std::string_view key) {
  JsonValue value;
  return object.at_key(key).get(value) == simdjson::SUCCESS ? as_array(value) : std::nullopt;
}

std::optional<JsonObject> object_of(JsonObject object, std::string_view key) {
  JsonValue value;
  return object.at_key(key).get(value) == simdjson::SUCCESS ? as_object(value) : std::nullopt;
}

}  // namespace cenote
