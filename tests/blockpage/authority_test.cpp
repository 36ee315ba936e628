#include "blockpage/authority.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <openssl/pem.h>

#include "resolver/net/x509_fields.h"
#include "tests/blockpage/certificate_checks.h"
#include "tests/support/temporary_folder.h"

namespace cenote::authority_test {
using std::chrono::hours;

namespace {

WallTime start() {
  WallTime time;
  parse_wall_time("2026-11-22T12:00:00Z", time);
  return time;
}

BlockpageSettings in_state(const TemporaryFolder& folder, std::string organisation = "Example K.K.") {
  BlockpageSettings settings;
  settings.state_dir = folder / "state";
  settings.organisation = std::move(organisation);
  return settings;
}

BlockpageSettings with_files(const TemporaryFolder& folder, const std::string& certificate,
                             const std::string& key) {
  BlockpageSettings settings = in_state(folder);
  settings.ca_certificate = folder / certificate;
  settings.ca_key = folder / key;
  return settings;
}

std::string error_of(const BlockpageSettings& settings, WallTime now = start()) {
  const auto opened = Authority::open(settings, now);
  return opened ? "" : opened.error().message;
}

std::string subject_of(X509* certificate) {
  char* text = X509_NAME_oneline(X509_get_subject_name(certificate), nullptr, 0);
  std::string subject(text);
  OPENSSL_free(text);
  return subject;
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

// An organisation's own CA below its root, as PEM files in the folder.
struct Intermediate {
  PkeyPtr root_key;
  X509Ptr root{X509_new()};

  explicit Intermediate(const TemporaryFolder& folder, int key_type = EVP_PKEY_ED25519) {
    root_key = make_key(key_type);
    PkeyPtr key = make_key(key_type);
    X509Ptr ca(X509_new());
    fill(root.get(), "Example root", root_key.get(), root.get(), "critical,CA:true");
    fill(ca.get(), "Example issuing CA", key.get(), root.get(), "critical,CA:true,pathlen:0");
    std::FILE* file = std::fopen((folder / "ca.pem").c_str(), "w");
    PEM_write_X509(file, ca.get());
    PEM_write_X509(file, root.get());
    std::fclose(file);
    file = std::fopen((folder / "ca.key").c_str(), "w");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }

  static PkeyPtr make_key(int type) {
    return type == EVP_PKEY_RSA ? PkeyPtr(EVP_RSA_gen(2048))
                                : PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  }

  void fill(X509* certificate, const char* name, EVP_PKEY* key, X509* issuer, const char* constraints) const {
    X509_set_version(certificate, X509_VERSION_3);
    REQUIRE(set_random_serial(certificate));
    REQUIRE(set_validity(certificate, start() - hours(1), start() + hours(24 * 3)));
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    X509_set_pubkey(certificate, key);
    REQUIRE(add_extension(certificate, issuer, NID_basic_constraints, constraints));
    REQUIRE(add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign"));
    REQUIRE(add_extension(certificate, issuer, NID_subject_key_identifier, "hash"));
    REQUIRE(add_extension(certificate, issuer, NID_authority_key_identifier, "keyid"));
    const bool own_hash = EVP_PKEY_is_a(root_key.get(), "ED25519") == 1;
    REQUIRE(X509_sign(certificate, root_key.get(), own_hash ? nullptr : EVP_sha256()) > 0);
  }
};

}  // namespace

TEST_CASE("the first start makes a CA for leaves alone", "[blockpage][authority]") {
  const TemporaryFolder folder;
  const auto authority = Authority::open(in_state(folder), start());
  REQUIRE(authority);
  CHECK(authority->is_new());
  X509* root = authority->certificate();
  CHECK(subject_of(root) == "/O=Example K.K./CN=Example K.K. Cenote block page CA");
  CHECK(X509_check_ca(root) == 1);
  CHECK(X509_get_pathlen(root) == 0);
  CHECK(X509_get_key_usage(root) == KU_KEY_CERT_SIGN);
  CHECK(X509_self_signed(root, 1) == 1);
  CHECK(authority->chain().empty());
  CHECK(authority->expires() == start() + hours(24 * 3650));
  CHECK(EVP_PKEY_get_bits(X509_get0_pubkey(root)) == 256);
}

TEST_CASE("nobody but its owner may read the key of the CA", "[blockpage][authority]") {
  const TemporaryFolder folder;
  const mode_t before = umask(0);
  const auto authority = Authority::open(in_state(folder), start());
  umask(before);
  REQUIRE(authority);
  CHECK(mode_of(folder / "state/ca.key") == 0600U);
  CHECK(mode_of(folder / "state/ca.crt") == 0644U);
}

TEST_CASE("the second start finds the CA of the first", "[blockpage][authority]") {
  const TemporaryFolder folder;
  const auto first = Authority::open(in_state(folder), start());
  REQUIRE(first);
  const auto second = Authority::open(in_state(folder, "Renamed K.K."), start() + hours(1));
  REQUIRE(second);
  CHECK_FALSE(second->is_new());
  CHECK(X509_cmp(first->certificate(), second->certificate()) == 0);
}

TEST_CASE("a start that was cut after the key goes on with that key", "[blockpage][authority]") {
  const TemporaryFolder folder;
  REQUIRE(Authority::open(in_state(folder), start()));
  const std::string key = folder.read("state/ca.key");
  std::filesystem::remove(folder / "state/ca.crt");
  REQUIRE(Authority::open(in_state(folder), start()));
  CHECK(folder.read("state/ca.key") == key);
}

TEST_CASE("the name of the CA fits whatever the organisation is called", "[blockpage][authority]") {
  std::string longest;
  for (int i = 0; i < 100; ++i) {
    longest += "株";
  }
  for (const std::string& name :
       {std::string(), std::string(300, 'x'), longest, std::string("a/CN=b,O=c"), std::string("\xff\xfe")}) {
    const TemporaryFolder folder;
    const auto opened = Authority::open(in_state(folder, name), start());
    INFO((opened ? "" : opened.error().message));
    CHECK(opened);
  }
}

TEST_CASE("an organisation's own CA is sent along, its root is not", "[blockpage][authority]") {
  const int type = GENERATE(EVP_PKEY_ED25519, EVP_PKEY_RSA);
  const TemporaryFolder folder;
  const Intermediate own(folder, type);
  auto authority = Authority::open(with_files(folder, "ca.pem", "ca.key"), start());
  INFO((authority ? "" : authority.error().message));
  REQUIRE(authority);
  REQUIRE(authority->chain().size() == 1);
  CHECK(subject_of(authority->chain()[0]) == "/CN=Example issuing CA");

  static WallTime time;
  time = start();
  Certificates certificates(
      std::move(*authority), [](const Name&) { return true; },
      [] {
        return Now{MonoTime(hours(1)), time};
      });
  const TlsIdentity leaf = certificates.pick("bad.example", {}, {});
  REQUIRE(leaf.certificate != nullptr);
  CHECK(verify_as_client(leaf.certificate, own.root.get(), "bad.example", time, leaf.chain) == X509_V_OK);
  // The CA ends in three days: a leaf must not outlive it.
  CHECK(ASN1_TIME_compare(X509_get0_notAfter(leaf.certificate),
                          X509_get0_notAfter(certificates.authority().certificate())) == 0);
}

TEST_CASE("what is wrong with the CA is said with the file's name", "[blockpage][authority]") {
  const TemporaryFolder folder;
  const Intermediate own(folder);
  REQUIRE(Authority::open(in_state(folder), start()));  // another CA, below state/

  SECTION("a file is not there") {
    CHECK(error_of(with_files(folder, "none.pem", "ca.key")) ==
          "blockpage CA: " + folder / "none.pem" + ": No such file or directory");
    CHECK(error_of(with_files(folder, "ca.pem", "none.key")) ==
          "blockpage CA: " + folder / "none.key" + ": No such file or directory");
  }
  SECTION("a pipe, for whose writer nobody waits") {
    REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
    CHECK(error_of(with_files(folder, "pipe", "ca.key")) ==
          "blockpage CA: " + folder / "pipe" + ": not a file");
  }
  SECTION("one without the other") {
    BlockpageSettings half = with_files(folder, "ca.pem", "ca.key");
    half.ca_key.clear();
    CHECK(error_of(half) == "blockpage.ca: certificate is given without key");
  }
  SECTION("no PEM") {
    folder.write("junk", "hello");
    CHECK_THAT(error_of(with_files(folder, "junk", "ca.key")),
               Catch::StartsWith("blockpage CA: " + folder / "junk" + ": no certificate in PEM"));
    CHECK_THAT(error_of(with_files(folder, "ca.pem", "junk")),
               Catch::StartsWith("blockpage CA: " + folder / "junk" + ": no private key in PEM"));
  }
  SECTION("a broken certificate behind a good one") {
    folder.write("broken.pem",
                 folder.read("ca.pem") + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    CHECK_THAT(error_of(with_files(folder, "broken.pem", "ca.key")),
               Catch::Contains("no certificate in PEM"));
  }
  SECTION("a key of another certificate") {
    CHECK(error_of(with_files(folder, "ca.pem", "state/ca.key")) ==
          "blockpage CA: " + folder / "state/ca.key" + ": the key of " + folder / "ca.pem" +
              " is another one");
  }
  SECTION("expired") {
    CHECK(error_of(with_files(folder, "ca.pem", "ca.key"), start() + hours(24 * 4)) ==
          "blockpage CA: " + folder / "ca.pem" + ": expired on 2026-11-25T12:00:00.000Z");
  }
  SECTION("no CA") {
    auto authority = Authority::open(in_state(folder), wall_now());
    REQUIRE(authority);
    Certificates certificates(std::move(*authority), [](const Name&) { return true; });
    const TlsIdentity leaf = certificates.pick("bad.example", {}, {});
    std::FILE* file = std::fopen((folder / "leaf.pem").c_str(), "w");
    PEM_write_X509(file, leaf.certificate);
    std::fclose(file);
    file = std::fopen((folder / "leaf.key").c_str(), "w");
    PEM_write_PrivateKey(file, leaf.key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    CHECK_THAT(error_of(with_files(folder, "leaf.pem", "leaf.key"), wall_now()),
               Catch::Contains("not the certificate of a CA"));
  }
  SECTION("a key behind a pass phrase") {
    std::FILE* file = std::fopen((folder / "locked.key").c_str(), "w");
    PEM_write_PrivateKey(file, own.root_key.get(), EVP_aes_256_cbc(),
                         reinterpret_cast<const unsigned char*>("secret"), 6, nullptr, nullptr);
    std::fclose(file);
    CHECK_THAT(error_of(with_files(folder, "ca.pem", "locked.key")),
               Catch::Contains("without a pass phrase"));
  }
  SECTION("a state folder that cannot be") {
    BlockpageSettings settings;
    settings.state_dir = folder / "ca.pem/below";
    CHECK_THAT(error_of(settings), Catch::Contains(folder / "ca.pem/below"));
  }
}

}  // namespace cenote::authority_test
