#include "ioc/formats/stix_pattern.h"

#include <array>
#include <optional>

#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr int kMaxPatternDepth = 64;  // open parentheses

struct Token {
  enum class Kind { kEnd, kWord, kText, kSign, kBad };
  Kind kind = Kind::kEnd;
  std::string text;  // of kText: without quotes and escapes

  [[nodiscard]] bool is(std::string_view word) const { return kind != Kind::kText && text == word; }
};

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// h'00', b'AA==' and t'2026-01-01T00:00:00Z' are literals, as are numbers and truth values.
bool is_literal_mark(std::string_view word) noexcept {
  return word == "h" || word == "b" || word == "t";
}

bool is_literal(std::string_view word) noexcept {
  const size_t quote = word.find('\'');
  return word == "true" || word == "false" ||
         (quote != std::string_view::npos && is_literal_mark(word.substr(0, quote))) ||
         (!word.empty() && word.find_first_not_of("+-.0123456789") == std::string_view::npos);
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {}

  Token next() {
    while (!rest_.empty() && is_blank(rest_[0])) {
      rest_.remove_prefix(1);
    }
    if (rest_.empty()) {
      return {};
    }
    if (rest_[0] == '\'') {
      return quoted();
    }
    constexpr std::array<std::string_view, 13> kSigns{"!=", "<>", "<=", ">=", "==", "[", "]",
                                                      "(",  ")",  ",",  "=",  "<",  ">"};
    for (const std::string_view sign : kSigns) {
      if (rest_.starts_with(sign)) {
        rest_.remove_prefix(sign.size());
        return {Token::Kind::kSign, std::string(sign)};
      }
    }
    return word();
  }

 private:
  Token quoted() {
    Token token{Token::Kind::kText, {}};
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '\'') {
        rest_.remove_prefix(i + 1);
        return token;
      }
      if (rest_[i] == '\\' && (++i >= rest_.size() || (rest_[i] != '\'' && rest_[i] != '\\'))) {
        break;
      }
      token.text += rest_[i];
    }
    return {Token::Kind::kBad, {}};
  }

  // A keyword, a number, an object path with its quoted and indexed parts, or a literal such as h'00'.
  Token word() {
    Token token{Token::Kind::kWord, {}};
    size_t i = 0;
    while (i < rest_.size() && !is_blank(rest_[i]) &&
           std::string_view("()],=<>!").find(rest_[i]) == std::string_view::npos) {
      // A quoted part (hashes.'SHA-256', h'00') and an index ([*], [0]) belong to the word.
      const bool quote = rest_[i] == '\'';
      const char close = quote ? '\'' : rest_[i] == '[' ? ']' : '\0';
      if (quote && rest_[i - 1] != '.' && !is_literal_mark(rest_.substr(0, i))) {
        break;
      }
      if (close == '\0') {
        ++i;
        continue;
      }
      const size_t end = rest_.find(close, i + 1);
      if (end == std::string_view::npos || i == 0) {
        return {Token::Kind::kBad, {}};
      }
      i = end + 1;
    }
    token.text = rest_.substr(0, i);
    rest_.remove_prefix(i);
    return i == 0 ? Token{Token::Kind::kBad, {}} : token;
  }

  std::string_view rest_;
};

std::optional<StixTerm::Kind> kind_of(std::string_view path) noexcept {
  if (path == "domain-name:value" || path == "hostname:value") {
    return StixTerm::Kind::kName;
  }
  if (path == "url:value") {
    return StixTerm::Kind::kUrl;
  }
  if (path == "ipv4-addr:value" || path == "ipv6-addr:value") {
    return StixTerm::Kind::kAddress;
  }
  return path == "network-traffic:dst_ref.value" ? std::optional(StixTerm::Kind::kAny) : std::nullopt;
}

// Recursive descent over the grammar of STIX 2.1 section 9. The first reason met is kept, and syntax comes
// before all.
class Parser {
 public:
  Parser(std::string_view pattern, std::vector<StixTerm>& out) : lexer_(pattern), out_(out) { advance(); }

  Reason run() {
    if (!observations() || token_.kind != Token::Kind::kEnd) {
      refuse(Reason::kPatternSyntax);
    }
    if (reason_ == Reason::kNone && out_.empty()) {
      return Reason::kNoNetworkIoc;
    }
    return reason_;
  }

 private:
  void advance() { token_ = lexer_.next(); }

  bool take(std::string_view word) {
    if (!token_.is(word)) {
      return false;
    }
    advance();
    return true;
  }

  void refuse(Reason reason) {
    if (reason_ == Reason::kNone) {
      reason_ = reason;
    }
  }

  // Deep nesting must end before the stack does.
  bool enter() {
    if (++depth_ > kMaxPatternDepth) {
      refuse(Reason::kPatternDepth);
      return false;
    }
    return true;
  }

  bool observations() {
    while (true) {
      if (!observation() || !qualifiers()) {
        return false;
      }
      if (take("AND")) {
        refuse(Reason::kPatternConjunction);
      } else if (take("FOLLOWEDBY")) {
        refuse(Reason::kPatternFollowedby);
      } else if (!take("OR")) {
        return true;
      }
    }
  }

  bool observation() {
    if (take("(")) {
      return enter() && observations() && leave(")");
    }
    return take("[") && comparisons() && take("]");
  }

  bool leave(std::string_view sign) {
    --depth_;
    return take(sign);
  }

  bool qualifiers() {
    while (token_.is("WITHIN") || token_.is("REPEATS") || token_.is("START")) {
      refuse(Reason::kPatternQualifier);
      // Their values do not matter any more, only that the pattern can be read to its end.
      advance();
      while (token_.kind == Token::Kind::kText || token_.is("STOP") || token_.is("SECONDS") ||
             token_.is("TIMES") ||
             (token_.kind == Token::Kind::kWord && !token_.is("AND") && !token_.is("OR") &&
              !token_.is("FOLLOWEDBY") && !token_.is("WITHIN") && !token_.is("REPEATS") &&
              !token_.is("START"))) {
        advance();
      }
    }
    return true;
  }

  bool comparisons() {
    while (true) {
      if (!comparison()) {
        return false;
      }
      if (take("AND")) {
        refuse(Reason::kPatternConjunction);
      } else if (!take("OR")) {
        return true;
      }
    }
  }

  bool comparison() {
    if (take("(")) {
      return enter() && comparisons() && leave(")");
    }
    bool negated = take("NOT");
    if (take("EXISTS")) {
      const bool ok = token_.kind == Token::Kind::kWord;
      advance();
      refuse_on(negated, Reason::kPatternNegation);
      return ok;
    }
    if (token_.kind != Token::Kind::kWord || token_.text.find(':') == std::string::npos) {
      return false;
    }
    const auto kind = kind_of(token_.text);
    const bool is_name = token_.text.starts_with("domain-name:") || token_.text.starts_with("hostname:");
    advance();
    negated = take("NOT") || negated;
    const std::string sign = token_.text;
    if (token_.kind != Token::Kind::kSign && token_.kind != Token::Kind::kWord) {
      return false;
    }
    advance();
    std::vector<std::string> values;
    if (!read_values(sign == "IN", values)) {
      return false;
    }
    return kind ? add(*kind, is_name, negated, sign, values) : is_operator(sign);
  }

  void refuse_on(bool condition, Reason reason) {
    if (condition) {
      refuse(reason);
    }
  }

  static bool is_operator(std::string_view sign) {
    constexpr std::array<std::string_view, 13> kOperators{
        "=", "==", "!=", "<>", "<", ">", "<=", ">=", "IN", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"};
    return is_one_of(sign, kOperators);
  }

  bool read_values(bool set, std::vector<std::string>& values) {
    if (set && !take("(")) {
      return false;
    }
    do {
      if (token_.kind != Token::Kind::kText &&
          (token_.kind != Token::Kind::kWord || !is_literal(token_.text))) {
        return false;
      }
      values.push_back(std::move(token_.text));
      advance();
    } while (set && take(","));
    return !set || take(")");
  }

  bool add(StixTerm::Kind kind, bool is_name, bool negated, std::string_view sign,
           std::vector<std::string>& values) {
    if (negated || sign == "!=" || sign == "<>") {
      refuse(Reason::kPatternNegation);
    } else if (sign == "MATCHES") {
      refuse(Reason::kPatternMatches);
    } else if (sign == "<" || sign == ">" || sign == "<=" || sign == ">=" || sign == "ISSUPERSET") {
      refuse(Reason::kPatternCompare);
    } else if (sign == "LIKE") {
      add_like(is_name, values.front());
    } else if (sign == "ISSUBSET" && kind != StixTerm::Kind::kAddress && kind != StixTerm::Kind::kAny) {
      refuse(Reason::kPatternCompare);
    } else {
      for (std::string& value : values) {
        out_.push_back({kind, false, std::move(value)});
      }
      return is_operator(sign);
    }
    return is_operator(sign);
  }

  // '%.x' is everything below x; any other "%" or "_" stands for what nobody can list.
  void add_like(bool is_name, const std::string& value) {
    if (!is_name || !value.starts_with("%.") || value.find_first_of("%_", 2) != std::string::npos) {
      refuse(Reason::kPatternLike);
      return;
    }
    out_.push_back({StixTerm::Kind::kName, true, value.substr(2)});
  }

  Lexer lexer_;
  Token token_;
  std::vector<StixTerm>& out_;
  Reason reason_ = Reason::kNone;
  int depth_ = 0;
};

}  // namespace

Reason read_stix_pattern(std::string_view pattern, std::vector<StixTerm>& out) {
  out.clear();
  return pattern.size() > kMaxPatternBytes ? Reason::kPatternTooLong : Parser(pattern, out).run();
}

}  // namespace cenote
