#include "resolver/control/json_body.h"

#include <nlohmann/json.hpp>

#include "resolver/base/text.h"

namespace cenote {
namespace {

using nlohmann::json;

// Hears what the parser finds; false stops it.
class BodyReader {
 public:
  bool null() { return put(JsonNull{}); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(json::number_integer_t /*value*/) { return put(JsonOther{}); }
  bool number_unsigned(json::number_unsigned_t /*value*/) { return put(JsonOther{}); }
  bool number_float(json::number_float_t /*value*/, const json::string_t& /*text*/) {
    return put(JsonOther{});
  }
  bool binary(json::binary_t& /*value*/) { return stop("the body is no JSON object"); }
  bool string(json::string_t& value) {
    if (!in_list_) {
      return put(std::move(value));
    }
    if (++texts_ > kMostBodyTexts) {
      return stop(fmt::format("more than {} texts; push them as a list", kMostBodyTexts));
    }
    std::get<std::vector<std::string>>(object_[key_]).push_back(std::move(value));
    return true;
  }
  bool start_object(size_t /*size*/) {
    if (is_open_) {
      return stop(
          fmt::format("{}: an object stands where none may", in_list_ ? "a list" : printable(key_, 60)));
    }
    is_open_ = true;
    return true;
  }
  bool key(json::string_t& name) {
    key_ = std::move(name);
    return ++keys_ <= kMostBodyKeys || stop(fmt::format("more than {} keys", kMostBodyKeys));
  }
  bool end_object() { return true; }
  bool start_array(size_t /*size*/) {
    if (!is_open_) {
      return stop("the body is no JSON object");
    }
    if (in_list_) {
      return stop("a list stands in a list");
    }
    in_list_ = true;
    object_[key_] = std::vector<std::string>();
    return true;
  }
  bool end_array() {
    in_list_ = false;
    return true;
  }
  bool parse_error(size_t /*at*/, const std::string& /*token*/, const json::exception& /*what*/) {
    return stop("the body is no JSON object");
  }

  Result<BodyObject> result(bool is_good) {
    if (!is_good) {
      return fail("{}", error_);
    }
    return std::move(object_);
  }

 private:
  template <typename Value>
  bool put(Value&& value) {
    if (!is_open_) {
      return stop("the body is no JSON object");
    }
    if (in_list_) {
      return stop(fmt::format("{}: a list of texts", printable(key_, 60)));
    }
    object_[key_] = std::forward<Value>(value);
    return true;
  }
  bool stop(std::string why) {
    if (error_.empty()) {
      error_ = std::move(why);
    }
    return false;
  }

  BodyObject object_;
  std::string key_;
  std::string error_;
  size_t keys_ = 0;
  size_t texts_ = 0;
  bool is_open_ = false;
  bool in_list_ = false;
};

}  // namespace

Result<BodyObject> read_body(std::string_view text) {
  if (text.size() > kMostBodyBytes) {
    return fail("a body of more than {} bytes", kMostBodyBytes);
  }
  BodyReader reader;
  const bool is_good = json::sax_parse(text.begin(), text.end(), &reader);
  return reader.result(is_good);
}

}  // namespace cenote
