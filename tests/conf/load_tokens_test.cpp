#include "conf/load_tokens.h"

#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "tests/support/temporary_folder.h"

namespace cenote::load_tokens_test {
namespace {

const std::string kDigest(64, 'a');

}  // namespace

TEST_CASE("a token with a fault is none, also behind more faults than are told", "[conf][tokens]") {
  std::string text = "tokens:\n";
  for (int i = 0; i < 300; ++i) {
    text += "  - {}\n";
  }
  text += "  - {name: late, sha256: " + kDigest + ", scopes: [admin], expire: 2020-01-01}\n";
  text += "  - {name: good, sha256: " + kDigest + ", scopes: [read]}\n";
  const auto loaded = read_tokens(text, "tokens.yaml");
  REQUIRE(loaded.tokens.size() == 1);
  CHECK(loaded.tokens[0].name == "good");
  CHECK(loaded.problems.size() == 200);
}

TEST_CASE("a token has a name, a digest, scopes and perhaps an end", "[conf][load_tokens]") {
  const auto loaded = read_tokens("tokens:\n  - {name: soc, sha256: " + kDigest +
                                      ", scopes: [read, 'push:c2-intel'], expires: 2027-03-31}\n",
                                  "tokens.yaml");
  REQUIRE(loaded.problems.empty());
  REQUIRE(loaded.tokens.size() == 1);
  CHECK(loaded.tokens[0].name == "soc");
  CHECK(loaded.tokens[0].sha256 == kDigest);
  CHECK(loaded.tokens[0].scopes == std::vector<std::string>{"read", "push:c2-intel"});
  CHECK(to_rfc3339(*loaded.tokens[0].expires) == "2027-03-31T23:59:59.000Z");
}

TEST_CASE("a token with a mistake is left out, and the mistake is told", "[conf][load_tokens]") {
  struct Row {
    std::string token;
    std::string says;
  };
  const auto row = GENERATE(values<Row>({
      {"sha256: " + kDigest + ", scopes: [read]", "tokens[0].name is missing"},
      {"name: a, scopes: [read]", "tokens[0].sha256 is missing"},
      {"name: a, sha256: " + kDigest, "tokens[0].scopes is missing"},
      {"name: a, sha256: secret, scopes: [read]", "expected the token's SHA-256"},
      {"name: a, sha256: " + kDigest + ", scopes: [write]", "expected one of read, push:FEED"},
      {"name: a, sha256: " + kDigest + ", scopes: [read], expires: never", "expected a date or time"},
      {"name: a, sha256: " + kDigest + ", scopes: [read], expire: 2027-03-31", "did you mean 'expires'?"},
  }));
  const auto loaded = read_tokens("tokens:\n  - {" + row.token + "}\n", "tokens.yaml");
  REQUIRE(loaded.problems.size() == 1);
  CHECK_THAT(to_text(loaded.problems[0]), Catch::StartsWith("tokens.yaml:2:") && Catch::Contains(row.says));
  CHECK(loaded.tokens.empty());
}

TEST_CASE("a tokens file that everybody may write is not believed", "[conf][load_tokens]") {
  std::string pattern = (std::filesystem::temp_directory_path() / "cenote-tokens-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  const std::string path = pattern + "/tokens.yaml";
  CHECK(load_tokens(path).problems.empty());
  std::ofstream(path) << "tokens: [{name: a, sha256: " << kDigest << ", scopes: [admin]}]\n";
  CHECK(load_tokens(path).tokens.size() == 1);
  std::filesystem::permissions(path, std::filesystem::perms::others_write,
                               std::filesystem::perm_options::add);
  const auto loaded = load_tokens(path);
  CHECK(loaded.tokens.empty());
  REQUIRE(loaded.problems.size() == 1);
  CHECK_THAT(loaded.problems[0].text, Catch::Contains("everybody may write"));
  std::filesystem::remove_all(pattern);
}

TEST_CASE("a tokens file of another user, or of a group that may write it, is not believed",
          "[conf][load_tokens]") {
  if (geteuid() != 0) {
    return;  // only root gives a file away
  }
  const TemporaryFolder folder;
  const std::string path = folder / "tokens.yaml";
  folder.write("tokens.yaml", "tokens: [{name: a, sha256: " + std::string(kDigest) + ", scopes: [admin]}]\n");
  REQUIRE(load_tokens(path).tokens.size() == 1);
  const auto refusal = [&](uid_t user, gid_t group, mode_t mode) {
    REQUIRE(chown(path.c_str(), user, group) == 0);
    REQUIRE(chmod(path.c_str(), mode) == 0);
    const LoadedTokens loaded = load_tokens(path);
    CHECK(loaded.tokens.empty() == !loaded.problems.empty());
    return loaded.problems.empty() ? "" : loaded.problems.front().text;
  };
  CHECK_THAT(refusal(65534, 0, 0644), Catch::Contains("belongs to user 65534"));
  CHECK_THAT(refusal(65534, 0, 0600), Catch::Contains("belongs to user 65534"));
  CHECK_THAT(refusal(0, 65534, 0664), Catch::Contains("group 65534 may write"));
  CHECK(refusal(0, 65534, 0640).empty());  // as the admin's guide says
  CHECK(refusal(0, 0, 0660).empty());
}

TEST_CASE("a tokens file that is a folder or without end is a problem and no more", "[conf][load_tokens]") {
  const TemporaryFolder folder;
  CHECK(load_tokens(folder.path()).problems.size() == 1);
  CHECK(load_tokens("/dev/zero").problems.size() == 1);
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(load_tokens(folder / "pipe").problems.size() == 1);  // and nobody waits for who writes it
}

}  // namespace cenote::load_tokens_test
