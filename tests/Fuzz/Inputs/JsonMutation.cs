using System.Text.Json;
using System.Text.Json.Nodes;

namespace Faultrec.Fuzz.Inputs;

/// <summary>Changes of JSON that leave it JSON, mostly.</summary>
internal static class JsonMutation
{
    /// <summary>Half of a character, which a JsonNode cannot hold.</summary>
    private const string Lone = "@lone@";

    private static readonly string[] Values =
    [
        "null", "true", "0", "-1", "1e99", "1.5", "9223372036854775807", "-9223372036854775808", "18446744073709551616", "\"\"", "\"0x0\"",
        "\"0xffffffffffffffff\"", "\"0x\"", "\"\\u0000\"", $"\"{Lone}\"", "\"\\u001b[31m\\n\"", "\"9999-12-31T23:59:59Z\"", "\"0001-01-01T00:00:00Z\"", "[]",
        "{}", "[null]", "[[[[]]]]", "\"rw-p\"", "\"[stack]\"", "\"/dev/zero\"", "\"../../x\"", "2147483647", "-2147483648", "4294967296", "4096", "0.1",
        "\"python\"",
    ];

    public static string Mutate(string json, Dice dice)
    {
        if (dice.OneIn(40))
            return new string('[', 1 + dice.Below(100_000));
        if (dice.OneIn(20))
            return System.Text.Encoding.UTF8.GetString(Bytes.Mutate(System.Text.Encoding.UTF8.GetBytes(json), dice));
        JsonNode? root;
        try
        {
            root = JsonNode.Parse(json);
        }
        catch (JsonException)
        {
            return json;
        }

        if (root is null)
            return dice.Of(Values);
        for (var left = dice.Few(); left > 0; left--)
        {
            List<JsonNode> nodes = [.. All(root)];
            var node = dice.Of(nodes);
            if (node == root && node is not (JsonArray or JsonObject))
                return dice.Of(Values);
            Change(node, dice);
        }

        try
        {
            return root.ToJsonString().Replace(Lone, "\\ud800", StringComparison.Ordinal);
        }
        catch (InvalidOperationException)
        {
            return json; // it has half a character already
        }
    }

    private static void Change(JsonNode node, Dice dice)
    {
        switch (node)
        {
            case JsonArray array when array.Count > 0:
                var at = dice.Below(array.Count);
                switch (dice.Below(4))
                {
                    case 0: array.RemoveAt(at); break;
                    case 1: array.Insert(at, array[dice.Below(array.Count)]?.DeepClone()); break;
                    case 2: Repeat(array, at, dice.Below(300)); break;
                    default: array[at] = Value(dice); break;
                }

                break;
            case JsonObject found when found.Count > 0:
                var key = dice.Of([.. found.Select(pair => pair.Key)]);
                if (dice.OneIn(4))
                    found.Remove(key);
                else
                    found[key] = Value(dice);
                break;
            case JsonArray empty: empty.Add(Value(dice)); break;
            case JsonObject empty: empty["x"] = Value(dice); break;
            default:
                node.ReplaceWith(Value(dice));
                break;
        }
    }

    private static void Repeat(JsonArray array, int at, int times)
    {
        for (; times > 0; times--)
            array.Add(array[at]?.DeepClone());
    }

    private static JsonNode? Value(Dice dice) => dice.Below(3) switch
    {
        0 => JsonValue.Create(dice.Extreme()),
        1 when dice.OneIn(8) => JsonValue.Create(new string('x', dice.Below(100_000))),
        _ => JsonNode.Parse(dice.Of(Values)),
    };

    private static IEnumerable<JsonNode> All(JsonNode node) => node switch
    {
        JsonArray array => array.OfType<JsonNode>().SelectMany(All).Prepend(node),
        JsonObject found => found.Select(pair => pair.Value).OfType<JsonNode>().SelectMany(All).Prepend(node),
        _ => [node],
    };
}
