#include <algorithm>
#include <array>
#include <cerrno>

#include <iconv.h>

#include "ioc/stage.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct CloseIconv {
  using pointer = iconv_t;
  void operator()(iconv_t converter) const noexcept { iconv_close(converter); }
};
// iconv_t is a pointer whose "none" is -1; nullptr stands for it here.
using Converter = std::unique_ptr<void, CloseIconv>;

Converter open_converter(const std::string& encoding) {
  const iconv_t converter = iconv_open("UTF-8", encoding.c_str());
  return Converter(converter == reinterpret_cast<iconv_t>(-1)
                       ? nullptr
                       : converter);  // NOLINT(performance-no-int-to-ptr): iconv's own
}

class Decoder : public Stage {
 public:
  Decoder(Stage& next, Converter converter, size_t unit)
      : next_(next), unit_(unit), converter_(std::move(converter)) {}

  Result<void> feed(std::string_view bytes) override {
    carry_ += bytes;
    return convert(false);
  }

  Result<void> finish() override {
    if (auto ok = convert(true); !ok) {
      return ok;
    }
    return next_.finish();
  }

 private:
  // iconv keeps no incomplete character: what is left over waits for the next bytes.
  Result<void> convert(bool last) {
    char* in = carry_.data();
    size_t left = carry_.size();
    while (left > 0) {
      std::array<char, 16 * 1024> block;
      char* out = block.data();
      size_t room = block.size() - kReplacement.size();
      const size_t status = iconv(converter_.get(), &in, &left, &out, &room);
      const int error = status == static_cast<size_t>(-1) ? errno : 0;
      if (error == EINVAL && !last) {
        if (auto ok = emit({block.data(), static_cast<size_t>(out - block.data())}); !ok) {
          return ok;
        }
        break;
      }
      if (error == EILSEQ || error == EINVAL) {
        out = std::copy(kReplacement.begin(), kReplacement.end(), out);
        const size_t skipped = std::min(unit_, left);
        in += skipped;
        left -= skipped;
      }
      if (auto ok = emit({block.data(), static_cast<size_t>(out - block.data())}); !ok) {
        return ok;
      }
    }
    carry_.erase(0, carry_.size() - left);
    return {};
  }

  Result<void> emit(std::string_view text) {
    if (first_ && !text.empty()) {
      first_ = false;
      text.remove_prefix(text.starts_with(kUtf8Mark) ? kUtf8Mark.size() : 0);
    }
    return text.empty() ? Result<void>{} : next_.feed(text);
  }

  Stage& next_;
  size_t unit_;  // bytes to skip where one character is broken
  Converter converter_;
  std::string carry_;
  bool first_ = true;
};

// No encoding declared: a byte order mark decides, else the bytes pass untouched.
class MarkReader : public Stage {
 public:
  explicit MarkReader(Stage& next) : next_(next) {}

  Result<void> feed(std::string_view bytes) override {
    if (chosen_ != nullptr) {
      return chosen_->feed(bytes);
    }
    head_ += bytes;
    return head_.size() < kUtf8Mark.size() ? Result<void>{} : choose();
  }

  Result<void> finish() override {
    if (chosen_ == nullptr) {
      if (auto ok = choose(); !ok) {
        return ok;
      }
    }
    return chosen_->finish();
  }

 private:
  Result<void> choose() {
    const bool little = head_.starts_with("\xFF\xFE");
    if (little || head_.starts_with("\xFE\xFF")) {
      own_ = std::make_unique<Decoder>(next_, open_converter(little ? "UTF-16LE" : "UTF-16BE"), 2);
    } else if (head_.starts_with(kUtf8Mark)) {
      head_.erase(0, kUtf8Mark.size());
    }
    chosen_ = own_ ? own_.get() : &next_;
    return chosen_->feed(std::exchange(head_, {}));
  }

  Stage& next_;
  std::string head_;
  std::unique_ptr<Stage> own_;
  Stage* chosen_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<Stage>> make_decoder(Stage& next, const std::string& encoding) {
  const std::string name = to_lower(encoding);
  if (name.empty() || name == "utf-8" || name == "utf8") {
    return std::unique_ptr<Stage>(std::make_unique<MarkReader>(next));
  }
  // What the web and Japanese partners call Shift_JIS is code page 932, where 0x5C stays a back-slash.
  constexpr std::array<std::string_view, 5> kShiftJis{"shift_jis", "shift-jis", "sjis", "windows-31j",
                                                      "cp932"};
  const bool shift_jis = is_one_of(name, kShiftJis);
  const bool plain = name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.:") == std::string::npos;
  Converter converter = plain ? open_converter(shift_jis ? "CP932" : encoding) : nullptr;
  if (!converter) {
    return fail("encoding \"{}\" is not known", encoding);
  }
  const bool wide = name.starts_with("utf-16") || name.starts_with("utf16") || name.starts_with("ucs-2");
  return std::unique_ptr<Stage>(std::make_unique<Decoder>(next, std::move(converter), wide ? 2 : 1));
}

}  // namespace cenote
