"""Items nobody has touched are recommended by what their metadata say."""

import numpy as np
import pandas as pd
import pytest

from recsys.data.generate import SAMPLE, generate
from recsys.errors import ModelError
from recsys.metrics import ndcg_at
from recsys.models import (
    ColdStart,
    ItemContent,
    ItemSimilarity,
    Model,
    NextItem,
    Popularity,
    Sequences,
    SimilarItems,
    UserAffinity,
    load,
)
from recsys.models.cold.scoring import AFFINITY_EXPONENT, mean

SIMPLE = {"penalty": 10.0}


def aisles(**of: str) -> pd.DataFrame:
    """aisles(mug="kitchen|gift") -> a table of items."""
    return pd.DataFrame({"ITEM_ID": list(of), "AISLE": list(of.values())})


SHELF = aisles(**{f"t{n}": "tea" for n in range(10)}, **{f"x{n}": "tools" for n in range(10)}, pot="tea", saw="tools")


@pytest.fixture
def visits(table) -> pd.DataFrame:
    """100 users, half of whom touch tea only, t0 to t9, the others tools, x0 to x9."""
    rng = np.random.default_rng(0)
    walks = {f"u{user}": [f"{'tx'[user % 2]}{item}" for item in rng.integers(10, size=12)] for user in range(100)}
    return table(**{user: " ".join(items) for user, items in walks.items()})


@pytest.fixture
def customers() -> pd.DataFrame:
    """Who touches tea is from the UK and old, who touches tools is from the US and young."""
    numbers = np.arange(100)
    known = {"COUNTRY": np.where(numbers % 2, "US", "UK"), "AGE": np.where(numbers % 2, 20.0, 60.0) + numbers / 10}
    return pd.DataFrame({"USER_ID": [f"u{number}" for number in numbers], **known})


@pytest.fixture
def model(visits) -> ColdStart:
    return NextItem.fit(visits, settings=SIMPLE, items=SHELF)


@pytest.fixture
def hospitable(visits, customers) -> ColdStart:
    return NextItem.fit(visits, settings=SIMPLE, items=SHELF, users=customers)


def found(model, k: int, *history: str) -> list[str]:
    return model.decode(model.recommend([model.encode(history)], k)[0])[0]


def test_a_cold_item_is_recommended_to_who_likes_its_kind(model):
    assert "pot" in found(model, 11, "t1", "t2") and "saw" not in found(model, 11, "t1", "t2")
    assert "saw" in found(model, 11, "x1", "x2") and "pot" not in found(model, 11, "x1", "x2")


def test_trained_items_keep_the_scores_and_the_codes_of_the_model_inside(model, visits):
    alone = NextItem.fit(visits, settings=SIMPLE)
    assert model.item_ids.tolist() == [*alone.item_ids, "pot", "saw"]
    history = alone.encode(["t1", "x2", "t3"])
    np.testing.assert_array_equal(model.scores(history)[:20], alone.scores(history))


def test_its_score_is_the_mean_of_what_it_resembles_moved_by_how_well_that_fits_the_history(model):
    scores, (pot,) = model.scores(model.encode(["t4"])), model.encode(["pot"])
    usual = 0.5  # the likeness of tea to a history of tea is 1, that of as many tools 0
    moved = model.temperature * AFFINITY_EXPONENT * np.log((1 + usual) / (2 * usual))
    assert scores[pot] == pytest.approx(scores[model.encode([f"t{n}" for n in range(10)])].mean() + moved, rel=1e-5)


def test_the_whole_history_says_how_well_a_kind_fits(model):
    ends = model.encode(["t1"] * 5 + ["x1"]), model.encode(["x1"] * 5 + ["x1"])
    of_tea, of_tools = (model._taste.log_affinity(history) for history in ends)
    tea, tools = model.encode(["t9", "x9"])
    assert of_tea[tea] > 0 > of_tea[tools] and of_tools[tools] > 0 > of_tools[tea]
    assert model._taste.log_affinity(np.empty(0, np.int32)) is None


def test_a_model_whose_scores_are_on_no_known_scale_has_the_plain_mean(visits):
    model = ColdStart.of(ItemSimilarity.fit(visits), SHELF)
    scores, (pot,) = model.scores(model.encode(["t4"])), model.encode(["pot"])
    assert scores[pot] == pytest.approx(scores[model.encode([f"t{n}" for n in range(10)])].mean(), rel=1e-5)


def test_an_item_of_the_catalogue_without_an_event_is_cold_and_keeps_its_code(visits):
    seqs = Sequences.from_interactions(visits, catalogue=["pot", "blank"])
    model, alone = NextItem.fit(seqs, settings=SIMPLE, items=SHELF), NextItem.fit(seqs, settings=SIMPLE)
    assert model.item_ids.tolist() == [*seqs.item_ids, "saw"]
    assert "pot" in found(model, 11, "t1", "t2") and "pot" not in found(alone, 11, "t1", "t2")
    assert model.scores([0])[model.encode(["blank"])] == alone.scores([0])[model.encode(["blank"])]


@pytest.mark.parametrize("tables", [{"items": aisles(other="tea")}, {"users": pd.DataFrame({"USER_ID": ["u1"]})}])
def test_tables_that_cannot_be_used_are_told_before_the_training(visits, tables):
    trials = []
    with pytest.raises(ModelError, match=r"same ids|none of the columns"):
        NextItem.fit(visits, report=trials.append, **tables)
    assert trials == []
    NextItem.fit(visits, report=trials.append, items=SHELF)
    assert trials


def test_items_that_come_later_are_recommended_at_once(model):
    later = model.with_items(aisles(cosy="tea"))
    assert "cosy" in found(later, 12, "t1", "t2") and "cosy" not in found(later, 11, "x1", "x2")
    assert later.item_ids.tolist() == [*model.item_ids, "cosy"] and "cosy" not in model.item_ids


def test_new_metadata_of_a_cold_item_take_the_place_of_the_old_and_trained_items_stay(model):
    later = model.with_items(aisles(pot="tools", t1="tools"))
    assert later.item_ids.tolist() == model.item_ids.tolist()
    assert "pot" in found(later, 12, "x1", "x2") and "pot" not in found(later, 10, "t1", "t2")
    history, trained = model.encode(["x1"]), slice(20)
    np.testing.assert_array_equal(later.scores(history)[trained], model.scores(history)[trained])


def test_what_resembles_nothing_has_no_score_and_is_never_recommended(model):
    later = model.with_items(aisles(riddle="unheard of", blank=None))
    scores = later.scores(later.encode(["t1"]))
    assert np.isneginf(scores[later.encode(["riddle", "blank"])]).all()
    assert not {"riddle", "blank"} & set(found(later, 24, "t1"))
    chances = later.probabilities(scores)
    assert chances.sum() == pytest.approx(1) and not chances[later.encode(["riddle", "blank"])].any()


def test_where_nothing_has_a_score_nothing_has_a_chance(model):
    assert model.probabilities(np.full(3, -np.inf, np.float32)).tolist() == [0, 0, 0]


def test_cold_items_of_a_history_say_nothing_and_are_left_out_with_the_seen(model):
    np.testing.assert_array_equal(model.scores(model.encode(["t1", "pot"])), model.scores(model.encode(["t1"])))
    codes, _ = model.recommend([model.encode(["t1", "pot"])], 30, exclude_seen=True)
    assert not {"t1", "pot"} & set(model.decode(codes)[0])


def test_saved_and_loaded_it_answers_the_same_and_takes_in_more(model, tmp_path):
    model.save(tmp_path / "model")
    loaded, arrival = load(tmp_path / "model"), aisles(cosy="tea")
    assert type(loaded.model) is NextItem and loaded.model.chosen == model.model.chosen
    histories = [[], [3, 4], [20, 21, 0]]
    for ours, theirs in zip(model.recommend(histories, 22), loaded.recommend(histories, 22), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(loaded.with_items(arrival).scores([1]), model.with_items(arrival).scores([1]))


def test_text_is_still_understood_after_a_save(visits, tmp_path):
    texts = {
        "t": "a cup for drinking tea",
        "x": "a hammer for driving nails",
        "pot": "a kettle",
        "saw": "a screwdriver",
    }
    items = pd.DataFrame({"ITEM_ID": SHELF["ITEM_ID"]})
    items["TEXT"] = [texts.get(item) or f"{texts[item[0]]}, number {item[1]}" for item in items["ITEM_ID"]]
    NextItem.fit(visits, settings=SIMPLE, items=items).save(tmp_path / "model")
    later = ColdStart.load(tmp_path / "model").with_items(items.tail(1).assign(ITEM_ID="mug", TEXT="a mug of tea"))
    assert "mug" in found(later, 11, "t1", "t2") and "mug" not in found(later, 10, "x1", "x2")


@pytest.mark.parametrize("user", [{"COUNTRY": "UK"}, {"AGE": 64}, {"AGE": 99.0, "COUNTRY": "FR"}])
def test_a_new_user_is_told_what_users_of_the_same_kind_take_cold_items_among_it(hospitable, user):
    like_them = hospitable.for_user(user)
    assert {"pot", *(f"t{n}" for n in range(10))} == set(found(like_them, 11))


@pytest.mark.parametrize("user", [{}, {"COUNTRY": "FR"}, {"country": "UK"}, {"AGE": None}, {"AGE": "old"}])
def test_what_training_has_not_seen_of_users_has_no_effect(hospitable, user):
    np.testing.assert_array_equal(hospitable.for_user(user).scores([]), hospitable.scores([]))


def test_what_is_known_of_a_user_has_no_effect_where_there_is_a_history(hospitable):
    british = hospitable.for_user({"COUNTRY": "UK"})
    cold, history = hospitable.encode(["saw"]), hospitable.encode(["x1", "saw"])
    np.testing.assert_array_equal(british.scores(history), hospitable.scores(history))
    np.testing.assert_array_equal(british.scores(cold), british.scores([]))
    assert found(british, 3) != found(hospitable, 3, "x1")


def test_what_is_known_of_users_is_saved_with_the_rest_and_stays_when_items_come(hospitable, tmp_path):
    hospitable.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    for user in ({"COUNTRY": "US"}, {"AGE": 30, "COUNTRY": "UK"}):
        expected = hospitable.for_user(user).scores([])
        np.testing.assert_array_equal(loaded.for_user(user).scores([]), expected)
        np.testing.assert_array_equal(loaded.with_items(aisles(cosy="tea")).for_user(user).scores([])[:22], expected)


@pytest.mark.parametrize(
    "user", [{"COUNTRY": "US", "AGE": 21}, pd.Series({"COUNTRY": "US", "AGE": 21, "USER_ID": "u"})]
)
def test_a_model_for_some_users_takes_in_items_and_is_saved_for_them(hospitable, tmp_path, user):
    later = hospitable.for_user(user).with_items(aisles(cosy="tea"))
    expected = hospitable.with_items(aisles(cosy="tea")).for_user(user).scores([])
    np.testing.assert_array_equal(later.scores([]), expected)
    later.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.scores([]), expected)
    assert loaded.user == {"COUNTRY": "US", "AGE": 21.0}
    np.testing.assert_array_equal(loaded.for_user({}).scores([])[:22], hospitable.scores([]))


def test_it_tells_what_is_inside_and_for_whom_it_answers(hospitable):
    inside = repr(hospitable.model)
    assert repr(hospitable) == f"ColdStart(22 items, {inside})"
    assert repr(hospitable.for_user({"AGE": 64})) == f"ColdStart(22 items, {inside}, user={{'AGE': 64.0}})"


@pytest.mark.parametrize("user", ["US", None, pd.DataFrame({"COUNTRY": ["US"]})], ids=["text", "none", "table"])
def test_what_does_not_say_what_is_known_of_a_user_is_refused(hospitable, user):
    with pytest.raises(ModelError, match="does not say what is known of a user"):
        hospitable.for_user(user)


def test_each_class_loads_what_its_fit_gave(model, visits, tmp_path):
    model.save(tmp_path / "model")
    for kind in (NextItem, ColdStart, Model):
        assert type(kind.load(tmp_path / "model")) is ColdStart
    with pytest.raises(ModelError, match=r"holds a ColdStart, which is no Popularity: load it with ColdStart\.load"):
        Popularity.load(tmp_path / "model")
    ColdStart.of(Popularity.fit(visits), SHELF).save(tmp_path / "popular")
    assert type(Popularity.load(tmp_path / "popular")) is ColdStart
    with pytest.raises(ModelError, match="which is no NextItem"):
        NextItem.load(tmp_path / "popular")


def test_users_may_be_described_and_items_not(visits, customers, tmp_path):
    NextItem.fit(visits, settings=SIMPLE, users=customers).save(tmp_path / "model")
    model = load(tmp_path / "model").for_user({"COUNTRY": "US"})
    assert len(model.item_ids) == 20 and {item[0] for item in found(model, 10)} == {"x"}


def test_what_cannot_be_put_together_is_refused(visits, customers, table):
    inside = NextItem.fit(visits, settings=SIMPLE)
    with pytest.raises(ModelError, match="learned from interactions: give them beside the users"):
        ColdStart.of(inside, users=customers)
    with pytest.raises(ModelError, match="has cold items already"):
        ColdStart.of(ColdStart.of(inside, SHELF), SHELF)
    with pytest.raises(ModelError, match="fitted on other items than those of the interactions"):
        ColdStart.of(inside, SHELF, table(u="t1 elsewhere"))
    with pytest.raises(ModelError, match="none of the items with metadata is among the interactions"):
        ColdStart.of(inside, SHELF.assign(ITEM_ID="SKU-" + SHELF["ITEM_ID"]))


@pytest.mark.parametrize("kind", [Popularity, ItemSimilarity])
def test_users_are_refused_where_scores_of_an_empty_history_are_no_logarithms_of_chances(kind, visits, customers):
    with pytest.raises(ModelError, match=f"{kind.__name__} has no chances that users could tell apart"):
        ColdStart.of(kind.fit(visits), SHELF, visits, customers)


def test_users_of_too_few_events_to_hold_any_out_are_told_apart_all_the_same(table, customers):
    model = NextItem.fit(table(u0="tea tea", u1="saw saw"), users=customers)
    assert model.temperature == 1 and found(model.for_user({"COUNTRY": "US"}), 1) == ["saw"]


@pytest.mark.parametrize("kind", [Popularity, ItemSimilarity, SimilarItems])
def test_any_model_can_be_inside(kind, visits, tmp_path):
    model = ColdStart.of(kind.fit(visits), SHELF)
    assert model.item_ids[-2:].tolist() == ["pot", "saw"]
    assert model.probabilities(model.scores([0])).sum() == pytest.approx(1)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").scores([3]), model.scores([3]))


def test_how_columns_are_read_can_be_said(visits):
    items = SHELF.assign(SIZE=[*[1, 2] * 10, 1, 2])
    content = ItemContent.from_items(items, kinds={"SIZE": "categorical"})
    model = NextItem.fit(visits, settings=SIMPLE, items=content)
    assert model.content.metadata.names == ["SIZE"] and model.item_ids[-2:].tolist() == ["pot", "saw"]


def test_items_without_any_of_the_columns_are_refused(model):
    with pytest.raises(ModelError, match=r"items have none of the columns \['AISLE'\]"):
        model.with_items(aisles(cosy="tea").rename(columns={"AISLE": "aisle"}))


def test_segments_know_no_cold_items(visits):
    with pytest.raises(ModelError, match="knows nothing but its interactions: leave items out"):
        UserAffinity.fit(visits, items=SHELF)


def test_similar_items_take_tables_and_know_the_items_that_only_one_of_them_has(visits):
    related = SimilarItems.fit(visits, SHELF)
    codes, _ = related.similar(related.encode(["pot"])[0], 10)
    assert {item[0] for item in related.decode(codes)[0]} == {"t"}


@pytest.mark.parametrize("temperature", [0.02, 0.5, 2.0])
def test_the_mean_of_logarithms_of_chances_is_that_of_the_chances(temperature):
    chances = np.array([[0.4, 0.01], [1e-6, 0.2], [0.3, 0.3]], np.float32)
    weights = np.array([[0.75, 0.25], [0.5, 0.5], [0.0, 0.0]], np.float32)
    found = mean(np.float32(temperature) * np.log(chances), weights, temperature)
    np.testing.assert_allclose(np.exp(found / temperature), (chances * weights).sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(mean(chances, weights), (chances * weights).sum(axis=1), rtol=1e-6)


def test_on_the_sample_cold_items_find_the_users_who_want_them_better_than_plain_content_does():
    """Truth: how likely each user's next visit begins with each of the 60 items whose events are kept back."""
    shop = generate(**SAMPLE)
    new = np.sort(np.random.default_rng(0).permutation(600)[:60])
    events = shop.interactions[~shop.interactions["ITEM_ID"].isin(shop.item_ids[new])]
    seqs, now = Sequences.from_interactions(events), int(events["TIMESTAMP"].max())
    model = NextItem.fit(seqs, settings={"own_weight": 0.05, "penalty": 100.0}, items=shop.items)
    users = np.random.default_rng(1).choice(seqs.n_users, 400, replace=False)
    histories, codes = [seqs.history(user) for user in users], model.encode(shop.item_ids[new])
    truth = np.stack(
        [
            shop.next_probabilities(seqs.user_ids[user], list(seqs.item_ids[seqs.history(user)]), now, True)[new]
            for user in users
        ]
    )
    content = model.content
    row_of = {item: row for row, item in enumerate(content.item_ids)}
    rows = content.rows.take([row_of[item] for item in model.item_ids]).toarray()
    plain = np.stack([rows[codes] @ rows[history].mean(axis=0) for history in histories])
    popular = ColdStart.of(Popularity.fit(seqs), content)
    scores = {
        "cold": np.stack([model.scores(history)[codes] for history in histories]),
        "plain": plain,
        "popular": np.tile(popular.scores([])[codes], (len(users), 1)),
    }
    lift = {name: _lift(each, truth) for name, each in scores.items()}
    assert lift["cold"] > 1.1 * lift["plain"] and lift["cold"] > 2 * lift["popular"]


def test_on_the_sample_new_users_are_told_better_by_their_country_than_by_popularity():
    """NDCG@10 of the first item that users, held out whole, look at."""
    shop = generate(**SAMPLE)
    seqs = Sequences.from_interactions(shop.interactions)
    country = shop.users.set_index("USER_ID")["COUNTRY"]
    part, told, popular = np.random.default_rng(0).permutation(seqs.n_users) % 5, [], []
    for fold in range(5):
        model = NextItem.fit(seqs.select(np.flatnonzero(part != fold)), settings={}, users=shop.users)
        users = np.flatnonzero(part == fold)
        first = [seqs.history(user)[:1] for user in users]
        lists = {name: model.for_user({"COUNTRY": name}).recommend([[]], 10)[0][0] for name in country.unique()}
        told.append(ndcg_at(np.stack([lists[country[seqs.user_ids[user]]] for user in users]), first, 10))
        popular.append(ndcg_at(model.recommend([[]] * len(users), 10)[0], first, 10))
    assert np.concatenate(told).mean() > 1.1 * np.concatenate(popular).mean()


def _lift(scores: np.ndarray, truth: np.ndarray) -> float:
    """Mean truth of the tenth of the users who score highest for each item, over that of all users."""
    tenth = np.argsort(-scores, axis=0, kind="stable")[: len(scores) // 10]
    return float((np.take_along_axis(truth, tenth, 0).mean(axis=0) / truth.mean(axis=0)).mean())
