// What every format reader is made of. A reader turns text (UTF-8, decoded before) into fields and hands each
// field to the Intake, which normalises, guards and passes it on. To add a format: one file here, one line in
// formats.h and one in the table of ioc/parse.cpp.
#pragma once

#include <string>
#include <string_view>

#include "ioc/normalise.h"
#include "ioc/parse.h"
#include "ioc/stage.h"

namespace cenote {

// How a field may be written, beside a plain name.
struct Forms {
  bool address = false;   // an IP address or block goes to the address set
  bool url = false;       // scheme://host/...
  bool bare_url = false;  // host:port and host/path
  bool query = false;     // "?" directly behind the host is a URL's query, not a pattern
  bool stars = false;     // "*." in front has the scope `star`, a dot in front means S
  Scope star = Scope::kSuffix;
  bool known_tld = false;  // free text: only names whose TLD exists
};
constexpr Forms kNamesOnly{};
constexpr Forms kNameForms{.address = true, .stars = true};  // what lists of names hold besides
constexpr Forms kListForms{.address = true, .url = true, .bare_url = false, .query = false, .stars = true};

// From a field to the sink. One per parser; `line` is set by whoever reads lines or objects.
class Intake {
 public:
  Intake(const ParseOptions& options, FeedSink& sink);

  uint64_t line = 0;
  [[nodiscard]] const ParseOptions& options() const noexcept { return options_; }
  // The feed's scope where it has one, else the format's.
  [[nodiscard]] Scope scope_or(Scope of_format) const noexcept { return options_.scope.value_or(of_format); }

  // One field of any of the allowed forms. `indicator` brings scope, allow and the texts; name or prefix are
  // set here.
  void field(std::string_view text, const Forms& forms, Indicator& indicator);
  void field(std::string_view text, const Forms& forms, Scope scope);
  void address(std::string_view text, Indicator& indicator);
  void reject(std::string_view text, Reason reason) { sink_.reject({line, text, to_text(reason)}); }

 private:
  // `text` is what the feed holds, `field` what is left of it after the steps so far.
  void odd_field(std::string_view text, const Forms& forms, Indicator& indicator);
  Reason read_host(std::string_view field, const Forms& forms, Indicator& indicator);
  Reason read_name(std::string_view field, const Forms& forms, Indicator& indicator);
  void hand_over(std::string_view text, const Forms& forms, Indicator& indicator);

  const ParseOptions& options_;
  FeedSink& sink_;
  NameGuard guard_;
  HostName host_;
  std::string plain_;  // the field without defang marks
};

// Splits text into lines and judges what no format wants in any line.
class LineFormat : public Stage {
 public:
  explicit LineFormat(Intake& intake) : intake_(intake) {}
  Result<void> feed(std::string_view bytes) final;
  Result<void> finish() final;

 protected:
  static constexpr size_t kMaxLineBytes = 4096;
  // Without LF or CR LF, at most `most` bytes.
  virtual void read_line(std::string_view line) = 0;
  virtual void read_end() {}
  // Tables hold long rows and odd characters in fields that nobody reads: they judge their fields themselves.
  void set_tolerant(size_t most) {
    most_ = most;
    tolerant_ = true;
  }
  Intake& intake_;

 private:
  void take(std::string_view line);

  std::string partial_;
  size_t most_ = kMaxLineBytes;
  bool tolerant_ = false;
};

// A blank line, or one whose first other byte is one of `marks`.
bool is_comment(std::string_view line, std::string_view marks) noexcept;
// The line up to a "#" that begins a comment.
std::string_view without_comment(std::string_view line) noexcept;
// "0.0.0.0 name name": T10. Adblock lists hold such lines too.
void read_hosts_line(Intake& intake, std::string_view line);
// The next field up to a blank or TAB, taken off the front of `line`; empty at its end.
std::string_view next_word(std::string_view& line) noexcept;

}  // namespace cenote
