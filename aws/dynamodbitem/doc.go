// Package dynamodbitem decodes the images of DynamoDB Streams by the rules of the AWS SDK for Go v2: those of its
// package feature/dynamodb/attributevalue.
//
// Package typed of the main module does the same without the SDK, and is enough for most. Use this package
// if the item's type, or one in it, has an UnmarshalDynamoDBAttributeValue, such as attributevalue.UnixTime; if the
// function decodes with options of the SDK (WithDecoder), such as struct tags of another name; or if it links the SDK
// anyway and should read items as the program does that writes them.
package dynamodbitem
