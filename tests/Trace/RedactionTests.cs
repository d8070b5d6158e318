using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Trace.Tests;

/// <summary>Nothing of a trace is without a word on what a redaction does with it.</summary>
public sealed partial class RedactionTests
{
    [Fact]
    public void EveryColumnHasARule()
    {
        Assert.All(TraceSchema.Columns, column => Assert.True(Enum.IsDefined(column.Redaction), column.Name));
        Assert.Equal("address ip vmf_address vmf_pgoff", NamesOf(RedactionRule.Slide));
        Assert.Equal("comm region stack", NamesOf(RedactionRule.Pseudonym));
        Assert.Equal("pid tid pte_before pfn", NamesOf(RedactionRule.Permute));

        static string NamesOf(RedactionRule rule)
            => string.Join(' ', TraceSchema.Columns.Where(column => column.Redaction == rule).Select(column => column.Name));
    }

    /// <summary>A property that a key, or a member of one, does not name has no rule.</summary>
    [Fact]
    public void EveryMemberOfTheMetadataHasARule()
    {
        var properties = typeof(TraceMetadata).GetProperties().Where(property => property.CanWrite).ToDictionary(NameOf);

        Assert.Equal(properties.Keys.Order(), MetadataKeys.All.Where(key => key is not ChecksumsKey).Select(key => key.Self.Name).Order());
        foreach (var key in MetadataKeys.All.Where(key => key is not ChecksumsKey))
            AssertRules(key.Self, properties[key.Self.Name], key.Self.Name);
    }

    /// <summary>What nobody has decided on would be the default.</summary>
    [Fact]
    public void NoRuleIsTheDefault() => Assert.False(Enum.IsDefined(default(RedactionRule)));

    /// <summary>docs/format.md names the members of a key between braces, or in a table of their own.</summary>
    [Fact]
    public void TheDocumentNamesTheMembers()
    {
        var named = MetadataKeys.All.Where(key => Braces().IsMatch(key.Json)).ToList();

        Assert.Equal(22, named.Count);
        Assert.All(named, key => Assert.Equal(Braces().Match(key.Json).Groups[1].Value, string.Join(", ", key.Self.Members.Select(member => member.Name))));
    }

    private static void AssertRules(MetadataMember member, PropertyInfo property, string path)
    {
        var type = property.PropertyType;
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
            type = type.GetGenericArguments()[0];
        var isOurs = type.Namespace == typeof(TraceMetadata).Namespace && type != typeof(Backend);
        if (!isOurs)
        {
            Assert.True(member.Redaction is { } rule && Enum.IsDefined(rule), $"{path} has no rule");
            if (property.GetCustomAttribute<JsonConverterAttribute>()?.ConverterType == typeof(HexAddressConverter))
                Assert.Equal((path, RedactionRule.Slide), (path, member.Redaction));
            return;
        }

        var inner = type.GetProperties()
            .Where(inner => inner.GetCustomAttribute<JsonIgnoreAttribute>() is not { Condition: JsonIgnoreCondition.Always }).ToDictionary(NameOf);
        Assert.Equal($"{path}: {string.Join(' ', inner.Keys.Order())}", $"{path}: {string.Join(' ', member.Members.Select(one => one.Name).Order())}");
        foreach (var one in member.Members)
            AssertRules(one, inner[one.Name], $"{path}.{one.Name}");
    }

    private static string NameOf(PropertyInfo property)
        => property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);

    [GeneratedRegex(@"`\{(.*)\}`")]
    private static partial Regex Braces();
}
