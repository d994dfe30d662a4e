// Money: prices as integers, unknown stays unknown, the workspace's table above the shipped one.
#include <QTemporaryDir>
#include <QTest>

#include "base/clock.h"
#include "base/files.h"
#include "providers/prices.h"

using namespace retort;
using namespace retort::providers;

class TestPrices : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void costIsExact() {
    Price p;
    p.input = *parsePrice("3");
    p.cacheRead = *parsePrice("0.30");
    p.output = *parsePrice("15");
    Usage u{600, 400, 0, 200, 0, true};
    QCOMPARE(costOf(p, u), NanoUsd(4'920'000));
    QCOMPARE(formatMoney(4'920'000), std::string("$0.00492"));
    p.batchPerMille = 500;
    QCOMPARE(costOf(p, u, true), NanoUsd(2'460'000));
    u.input = 2'000'000'000'000;  // no overflow on the way
    QCOMPARE(costOf(p, Usage{u.input, 0, 0, 0, 0, true}), NanoUsd(6'000'000'000'000'000));
  }

  void pricesAreTextOfDecimals() {
    QCOMPARE(*parsePrice("0.035"), std::int64_t(35'000));
    QCOMPARE(printPrice(35'000), std::string("0.035"));
    QCOMPARE(printPrice(2'500'000), std::string("2.5"));
    for (const char* bad : {"", ".", "-1", "1e3", "1.2.3", "1.0000001", "99999999999999999999", "1,5"}) QVERIFY2(!parsePrice(bad), bad);
    QCOMPARE(*parseMoney("12"), NanoUsd(12'000'000'000));
  }

  void idsAreNormalised() {
    QCOMPARE(priceKey("gpt-4o-2024-08-06"), std::string("gpt-4o"));
    QCOMPARE(priceKey("claude-sonnet-4-20250514"), std::string("claude-sonnet-4"));
    QCOMPARE(priceKey("us.anthropic.claude-3-haiku-20240307-v1:0"), std::string("anthropic.claude-3-haiku-v1:0"));
    QCOMPARE(priceKey("meta.llama3-1-8b-instruct-v1:0:128k"), std::string("meta.llama3-1-8b-instruct-v1:0"));
    QCOMPARE(priceKey("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0"), std::string("amazon.nova-pro-v1:0"));
    QCOMPARE(priceKey("gpt-4o-mini"), std::string("gpt-4o-mini"));
  }

  /// Worked by hand: a million tokens in and one out, at 3 + 15, 3.3 + 16.5 in Frankfurt, 1.5 + 7.5 flexible, 2 + 10 from March on.
  void pricesByRegionTierAndDay() {
    PriceTable table;
    const auto document = Json::parse(R"({"schema":"retort.prices/1","models":[
      {"model":"m","input":"3","output":"15"},
      {"model":"m","input":"2","output":"10","from":"2026-03-01"},
      {"model":"m","input":"3.3","output":"16.5","region":"eu-central-1"},
      {"model":"m","input":"1.5","output":"7.5","tier":"flex"},
      {"model":"late","input":"1","output":"1","from":"2026-03-01"}]})");
    QVERIFY(table.add(document, "t", "workspace").ok());
    const std::int64_t february = *parseIsoTime("2026-02-28T23:59:59Z") , march = *parseIsoTime("2026-03-01T00:00:00Z");
    Usage usage;
    usage.input = usage.output = 1'000'000;
    const auto dollars = [&](std::string_view region, std::string_view tier, std::optional<std::int64_t> at) {
      const auto price = table.find("us.m", {region, tier, at});
      return price ? formatMoney(costOf(*price, usage)) : std::string("unknown");
    };
    QCOMPARE(dollars("us-east-1", "", february), std::string("$18.00"));
    QCOMPARE(dollars("us-east-1", "", march), std::string("$12.00"));
    QCOMPARE(dollars("", "", std::nullopt), std::string("$12.00"));
    QCOMPARE(dollars("eu-central-1", "", march), std::string("$19.80"));
    QCOMPARE(dollars("us-east-1", "flex", march), std::string("$9.00"));
    QVERIFY(!table.find("late", {"", "", february}));
    QVERIFY(table.find("late", {"", "", march}));
    const auto before = table.fingerprint();
    QVERIFY(table.add(Json::parse(R"({"schema":"retort.prices/1","models":[{"model":"m","input":"3","output":"15"}]})"), "t", "workspace").ok());
    QVERIFY(table.fingerprint() != before);
    QCOMPARE(table.entries("m").size(), std::size_t(1));
    QVERIFY(!table.add(Json::parse(R"({"schema":"retort.prices/1","models":[{"model":"m","input":"3","output":"15","from":"March"}]})"), "t", "workspace").ok());
  }

  void ownPricesAreSetAndRemoved() {
    QTemporaryDir dir;
    const auto workspace = Workspace::create(dir.path().toStdString() + "/w").value();
    Price price;
    price.input = 5'000'000, price.output = 6'000'000, price.region = "eu-west-1";
    QVERIFY(setOwnPrice(workspace, "gpt-4o-mini", price).ok());
    auto table = PriceTable::load(&workspace).value();
    QCOMPARE(table.find("gpt-4o-mini", {"eu-west-1", "", {}})->input, std::int64_t(5'000'000));
    QCOMPARE(table.find("gpt-4o-mini")->input, std::int64_t(150'000));       // the list price went along
    price.input = 4'000'000;
    QVERIFY(setOwnPrice(workspace, "gpt-4o-mini", price).ok());
    table = PriceTable::load(&workspace).value();
    QCOMPARE(table.entries("gpt-4o-mini").size(), std::size_t(2));
    QVERIFY(setOwnPrice(workspace, "gpt-4o-mini", std::nullopt).ok());
    QCOMPARE(setOwnPrice(workspace, "gpt-4o-mini", std::nullopt).error().code, std::string("providers.prices.model"));
    QCOMPARE(PriceTable::load(&workspace)->entries("gpt-4o-mini").size(), std::size_t(1));
  }

  void shippedTableIsReadAndOverridden() {
    QTemporaryDir dir;
    const auto workspace = Workspace::create(dir.path().toStdString() + "/w");
    QVERIFY(workspace.ok());
    const auto shipped = PriceTable::load(&*workspace);
    QVERIFY2(shipped.ok(), shipped.ok() ? "" : shipped.error().text().c_str());
    QVERIFY(shipped->find("gpt-4o-mini"));
    QCOMPARE(shipped->find("gpt-4o-mini")->input, std::int64_t(150'000));
    QVERIFY(!shipped->find("nobody-knows-this-model"));
    QVERIFY(writeFileAtomically(workspace->root() / "prices.json",
                                R"({"schema":"retort.prices/1","as_of":"2026-01-01","models":[{"model":"gpt-4o-mini","input":"1","output":"2"},{"model":"ours","input":"0","output":"0"}]})").ok());
    const auto own = PriceTable::load(&*workspace);
    QVERIFY(own.ok());
    QCOMPARE(own->find("gpt-4o-mini-2024-07-18")->input, std::int64_t(1'000'000));
    QCOMPARE(own->find("gpt-4o-mini")->source, std::string("workspace"));
    QVERIFY(own->find("ours"));
    QVERIFY(writeFileAtomically(workspace->root() / "prices.json", R"({"schema":"retort.prices/1","models":[{"model":"x","input":0.5,"output":"2"}]})").ok());
    const auto bad = PriceTable::load(&*workspace);
    QVERIFY(!bad.ok());
    QVERIFY2(bad.error().text().find("models[0]") != std::string::npos, bad.error().text().c_str());
  }
};

QTEST_APPLESS_MAIN(TestPrices)
#include "tst_prices.moc"
